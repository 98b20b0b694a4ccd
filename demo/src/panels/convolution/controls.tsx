/** Operation, input, filter, activation, F, S and P, and N as it follows from them. Imports view, state, ui, pure parts. */
import { useSignal } from '@preact/signals';
import { Select, Slider, Toggle } from '../../ui/fields.tsx';
import { axesOf, generalFormula, workingOf } from './geometry.ts';
import {
  ACTIVATIONS,
  type Filter,
  LARGEST_KERNEL,
  LARGEST_STRIDE,
  mostPadding,
  OPERATIONS,
  PRESETS,
  type Preset,
  type Settings,
  type Sides,
  withFilter,
  withFrame,
} from './settings.ts';
import { ACTIVATION_NAMES, OPERATION_NAMES, PRESET_NAMES } from './text.ts';
import { change, chooseNetworkFilter, filter, frame, image, network, settings } from './view.ts';

const named = <T extends string>(names: readonly T[], texts: { readonly [name in T]: string }) =>
  names.map((name) => [name, texts[name]] as const);

type FilterName = Preset | 'own' | 'network';

const filterName = ({ filter: chosen }: Settings): FilterName => (chosen.kind === 'preset' ? chosen.name : chosen.kind);

function chooseFilter(name: FilterName): void {
  if (name === 'network') {
    chooseNetworkFilter(0);
    return;
  }
  const next: Filter = name === 'own' ? { kind: 'own', values: [...filter.peek().kernel] } : { kind: 'preset', name };
  settings.value = withFilter(settings.peek(), next);
}

function FilterChoice() {
  const { filter: chosen, angle, seed, bias } = settings.value;
  const options: (readonly [FilterName, string])[] = [...named(PRESETS, PRESET_NAMES), ['own', 'Your own numbers']];
  const now = network.value;
  if (now) options.push(['network', `${now.layer}, live`]);
  return (
    <>
      <Select label="Filter" value={filterName(settings.value)} options={options} onChange={chooseFilter} />
      {chosen.kind === 'preset' && chosen.name === 'gabor' && (
        <Slider
          label="Angle of the Gabor filter"
          value={angle}
          min={0}
          max={165}
          step={15}
          unit="°"
          onChange={(value) => change({ angle: value })}
        />
      )}
      {chosen.kind === 'preset' && chosen.name === 'random' && (
        <button type="button" onClick={() => change({ seed: seed + 1 })}>
          Other random numbers
        </button>
      )}
      {chosen.kind === 'network' && now && (
        <Slider
          label={`Filter of ${now.count}`}
          value={chosen.index + 1}
          min={1}
          max={now.count}
          onChange={(value) => change({ filter: { kind: 'network', index: value - 1 } })}
        />
      )}
      {chosen.kind === 'network' ? (
        <p class="hint conv-live">
          Filter and bias change as it trains. The digit is shifted and scaled as the network takes it.
        </p>
      ) : (
        <Slider label="Bias" value={bias} min={-2} max={2} step={0.1} onChange={(value) => change({ bias: value })} />
      )}
    </>
  );
}

const setFrame = (part: Parameters<typeof withFrame>[1]): void => {
  settings.value = withFrame(settings.peek(), part);
};

const SIDE_NAMES = ['top', 'left', 'bottom', 'right'] as const;

function Padding() {
  const { kernel, padding } = frame.value;
  const linked = useSignal(true);
  const most = Math.max(mostPadding(settings.value, kernel), ...padding);
  const isAlike = padding.every((side) => side === padding[0]);
  const together = linked.value && isAlike;
  const set = (side: number, value: number): void => {
    const [top, left, bottom, right] = padding.map((old, i) => (together || i === side ? value : old));
    const next: Sides = [top!, left!, bottom!, right!];
    setFrame({ padding: next });
  };
  return (
    <fieldset class="conv-padding">
      <legend>P, padding</legend>
      {SIDE_NAMES.slice(0, together ? 1 : 4).map((name, side) => (
        <Slider
          key={name}
          label={together ? 'P, every side' : `P, ${name}`}
          value={padding[side]!}
          min={0}
          max={Math.max(1, most)}
          disabled={most === 0}
          onChange={(value) => set(side, value)}
        />
      ))}
      <Toggle
        label="All sides alike"
        value={together}
        onChange={(value) => {
          linked.value = value;
          if (value) setFrame({ padding: [padding[0], padding[0], padding[0], padding[0]] });
        }}
      />
    </fieldset>
  );
}

function PoolChoice() {
  const { operation, roundUp, countPadding } = settings.value;
  return (
    <>
      <Toggle label="Round N up (ceil mode)" value={roundUp} onChange={(value) => change({ roundUp: value })} />
      {operation === 'avg' && (
        <Toggle label="Padding counts" value={countPadding} onChange={(value) => change({ countPadding: value })} />
      )}
    </>
  );
}

function Size() {
  const axes = axesOf(settings.value, image.value);
  const workings = [
    ['Height', workingOf(axes.rows, 'row')],
    ['Width', workingOf(axes.columns, 'column')],
  ] as const;
  const notes = new Set(workings.flatMap(([, working]) => working.notes));
  return (
    <div class="conv-size">
      <p class="formula">{generalFormula(axes)}</p>
      <dl>
        {workings.map(([name, { formula, rounding, outputs }]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {formula} = {rounding && <span>{rounding}: </span>}
              <b>{outputs}</b>
            </dd>
          </div>
        ))}
      </dl>
      {[...notes].map((note) => (
        <p key={note} class="hint">
          {note}
        </p>
      ))}
    </div>
  );
}

export function Controls() {
  const { operation, input, activation, filter: chosen } = settings.value;
  const { kernel, stride } = frame.value;
  const isConv = operation === 'conv';
  const isNetwork = isConv && chosen.kind === 'network';
  const inputs: (readonly [Settings['input'], string])[] = [['digit', 'Digit']];
  if (kernel <= LARGEST_KERNEL) inputs.push(['example', 'Small example']);
  return (
    <div class="choices conv-choices">
      <Select
        label="Operation"
        value={operation}
        options={named(OPERATIONS, OPERATION_NAMES)}
        onChange={(value) => change({ operation: value })}
      />
      <Select label="Input" value={input} options={inputs} onChange={(value) => change({ input: value })} />
      {isConv && <FilterChoice />}
      {isConv && (
        <Select
          label="Activation"
          value={activation}
          options={named(ACTIVATIONS, ACTIVATION_NAMES)}
          onChange={(value) => change({ activation: value })}
        />
      )}
      <Slider
        label="F, side of the window"
        value={kernel}
        min={1}
        max={Math.max(LARGEST_KERNEL, kernel)}
        disabled={isNetwork}
        onChange={(value) => setFrame({ kernel: value })}
      />
      <Slider
        label="S, stride"
        value={stride}
        min={1}
        max={LARGEST_STRIDE}
        onChange={(value) => setFrame({ stride: value })}
      />
      <Padding />
      {!isConv && <PoolChoice />}
      <Size />
    </div>
  );
}
