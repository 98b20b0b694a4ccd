/** Labelled controls: native elements, so keyboards and screen readers know them. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { short } from './format.ts';

export function Field({
  label,
  children,
  hint,
}: {
  label: string;
  hint?: string;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <small>{hint}</small>}
    </div>
  );
}

interface SelectProps<T extends string | number> {
  readonly label: string;
  readonly value: T;
  /** Values with what they are called. */
  readonly options: readonly (readonly [T, string])[];
  readonly disabled?: boolean;
  onChange(value: T): void;
}

export function Select<T extends string | number>({ label, value, options, disabled, onChange }: SelectProps<T>) {
  return (
    <Field label={label}>
      {(id) => (
        <select
          id={id}
          disabled={disabled}
          value={String(value)}
          onChange={({ currentTarget }) => onChange(options[currentTarget.selectedIndex]![0])}
        >
          {options.map(([option, name]) => (
            <option key={option} value={String(option)}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  /** Each step multiplies: min and max are powers of ten then. */
  readonly logarithmic?: boolean;
  readonly unit?: string;
  readonly disabled?: boolean;
  onChange(value: number): void;
}

export function Slider({
  label,
  value,
  min,
  max,
  step = 1,
  logarithmic = false,
  unit = '',
  disabled,
  onChange,
}: SliderProps) {
  const [low, high] = logarithmic ? [Math.log10(min), Math.log10(max)] : [min, max];
  const text = `${short(value)}${unit && ` ${unit}`}`;
  return (
    <Field label={label}>
      {(id) => (
        <div class="slider">
          <input
            id={id}
            type="range"
            min={low}
            max={high}
            step={logarithmic ? 0.05 : step}
            value={logarithmic ? Math.log10(value) : value}
            disabled={disabled}
            aria-valuetext={text}
            onInput={({ currentTarget }) => {
              const at = currentTarget.valueAsNumber;
              onChange(logarithmic ? Number((10 ** at).toPrecision(2)) : at);
            }}
          />
          <output for={id}>{text}</output>
        </div>
      )}
    </Field>
  );
}

export function Toggle({ label, value, onChange }: { label: string; value: boolean; onChange(value: boolean): void }) {
  return (
    <label class="toggle">
      <input type="checkbox" checked={value} onChange={({ currentTarget }) => onChange(currentTarget.checked)} />
      {label}
    </label>
  );
}
