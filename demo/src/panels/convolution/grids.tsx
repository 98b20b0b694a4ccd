/** The window in view as numbers: window, filter, products; then what becomes of them. Imports view, pure parts. */
import { useComputed } from '@preact/signals';
import { isDark } from '../../ui/theme.ts';
import { cssOf, greyColor, inkOn, type Rgb, signedColor } from './colors.ts';
import { largestOf } from './paint.ts';
import { withFilter } from './settings.ts';
import { ACTIVATION_NAMES, cellText, numberText, outsideText, placeText } from './text.ts';
import { computedResult, filter, place, settings, shown, step } from './view.ts';
import { agrees } from './window.ts';

interface Cell {
  readonly text: string;
  /** Null: hatched, since it lies around the image. */
  readonly color: Rgb | null;
  readonly marked?: boolean;
}

/** That fit the cells. */
const DECIMALS = 2;

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function Grid({ title, side, cells }: { title: string; side: number; cells: readonly Cell[] }) {
  return (
    <table class="conv-cells">
      <caption>{title}</caption>
      <tbody>
        {indices(side).map((row) => (
          <tr key={row}>
            {cells.slice(row * side, (row + 1) * side).map(({ text, color, marked }, column) => (
              <td
                key={`${row} ${column}`}
                class={`${color ? '' : 'outside'}${marked ? ' marked' : ''}`}
                style={color ? { background: cssOf(color), color: inkOn(color) } : { background: '', color: '' }}
              >
                {text}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function WindowGrid() {
  const { problem } = shown.value;
  const { taps, winner } = step.value;
  const side = problem.axes.rows.kernel;
  const cells = taps.map(({ value, where }, i) => ({
    text: where === 'beyond' && problem.operation === 'avg' ? '' : cellText(value, DECIMALS),
    color: where === 'image' ? greyColor(value, problem.image) : null,
    marked: problem.operation === 'max' && i === winner,
  }));
  return <Grid title="Window" side={side} cells={cells} />;
}

function ProductGrid() {
  const { problem } = shown.value;
  const { products } = step.value;
  const side = problem.axes.rows.kernel;
  const [most, dark] = [largestOf(products), isDark()];
  const cells = products.map((value) => ({
    text: cellText(value, DECIMALS),
    color: signedColor(value, most, { dark }),
  }));
  return <Grid title="Products" side={side} cells={cells} />;
}

function setNumber(at: number, value: number): void {
  if (!Number.isFinite(value)) return;
  const values = Array.from(filter.peek().kernel, (v, i) => (i === at ? value : v));
  settings.value = withFilter(settings.peek(), { kind: 'own', values });
}

/** Short enough for the cell, and for typing on. */
const editable = (value: number, side: number): string => String(Number(value.toFixed(side > 3 ? 2 : 3)));

function KernelInput({ at, side, value, color }: { at: number; side: number; value: number; color: Rgb }) {
  return (
    <input
      type="number"
      step="any"
      aria-label={`Filter, row ${Math.floor(at / side) + 1}, column ${(at % side) + 1}`}
      value={editable(value, side)}
      style={{ background: cssOf(color), color: inkOn(color) }}
      // Not while it is typed: "-" and "1." are no numbers yet.
      onChange={({ currentTarget }) => setNumber(at, currentTarget.valueAsNumber)}
    />
  );
}

/** Reads nothing that changes as the window slides: typing is not disturbed. */
function KernelEditor() {
  const { kernel } = filter.value;
  const side = Math.round(Math.sqrt(kernel.length));
  const [most, dark] = [largestOf(kernel), isDark()];
  return (
    <table class="conv-cells">
      <caption>Filter</caption>
      <tbody>
        {indices(side).map((row) => (
          <tr key={row}>
            {indices(side).map((column) => {
              const at = row * side + column;
              const value = kernel[at]!;
              return (
                <td key={`${row} ${column}`}>
                  <KernelInput at={at} side={side} value={value} color={signedColor(value, most, { dark })} />
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function KernelGrid() {
  const isLive = useComputed(() => settings.value.filter.kind === 'network');
  if (!isLive.value) return <KernelEditor />;
  const { kernel, axes } = shown.value.problem;
  const side = axes.rows.kernel;
  const [most, dark] = [largestOf(kernel), isDark()];
  const cells = Array.from(kernel, (value) => ({
    text: cellText(value, DECIMALS),
    color: signedColor(value, most, { dark }),
  }));
  return <Grid title="Filter" side={side} cells={cells} />;
}

function Term({ name, value, strong }: { name: string; value: string; strong?: boolean }) {
  return (
    <span class={strong ? 'term strong' : 'term'}>
      <small>{name}</small>
      <b>{value}</b>
    </span>
  );
}

const Sign = ({ children }: { children: string }) => <span class="sign">{children}</span>;

function ConvSum() {
  const { bias, activation } = shown.value.problem;
  const { sum, before, result } = step.value;
  return (
    <>
      <Term name="sum of products" value={numberText(sum)} />
      <Sign>+</Sign>
      <Term name="bias" value={numberText(bias)} />
      <Sign>=</Sign>
      <Term name="z" value={numberText(before)} strong={activation === 'none'} />
      {activation !== 'none' && (
        <>
          <Sign>→</Sign>
          <Term name={`${ACTIVATION_NAMES[activation]}(z)`} value={numberText(result)} strong />
        </>
      )}
    </>
  );
}

function PoolSum() {
  const { operation } = shown.value.problem;
  const { taps, sum, divisor, result } = step.value;
  if (operation === 'max') return <Term name={`largest of ${taps.length}`} value={numberText(result)} strong />;
  return (
    <>
      <Term name="sum" value={numberText(sum)} />
      <Sign>/</Sign>
      <Term name="cells" value={String(divisor)} />
      <Sign>=</Sign>
      <Term name="average" value={numberText(result)} strong />
    </>
  );
}

function Verdict() {
  const value = computedResult.value;
  const outside = outsideText(shown.value.problem, step.value);
  const same = value !== null && agrees(step.value, value);
  return (
    <p class="conv-verdict">
      {value === null ? (
        'The engine is computing.'
      ) : (
        <span class={same ? 'good' : 'bad'}>
          {same ? '✓ ' : '✗ '}The engine has {numberText(value)} at {placeText(place.value)}
          {same ? ': the same.' : ', which is another number.'}
        </span>
      )}{' '}
      <span class="soft">{outside}</span>
    </p>
  );
}

/** For the style sheet: how wide three grids are. */
const sizeName = (side: number): string => (side <= 3 ? 'small' : side <= 5 ? 'middle' : side <= 7 ? 'large' : 'huge');

export function Numbers() {
  const { problem } = shown.value;
  const isConv = problem.operation === 'conv';
  return (
    <div class="conv-numbers" style={{ '--f': String(problem.axes.rows.kernel), '--grids': isConv ? '3' : '1' }}>
      <div class={`conv-grids ${sizeName(problem.axes.rows.kernel)}`}>
        <WindowGrid />
        {isConv && (
          <>
            <Sign>×</Sign>
            <KernelGrid />
            <Sign>=</Sign>
            <ProductGrid />
          </>
        )}
      </div>
      <div class="conv-sum">{isConv ? <ConvSum /> : <PoolSum />}</div>
      <Verdict />
    </div>
  );
}
