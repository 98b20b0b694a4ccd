/** A network layer by layer, with output shapes and parameters. Imports state, config, shapes, ui. */
import { type LayerChoice, layersOf } from '../../engine/config.ts';
import { problemOf, type Shaped, shapesOf } from '../../engine/shapes.ts';
import { applyConfig, config } from '../../state.ts';
import { whole } from '../../ui/format.ts';

const NEW: readonly (readonly [string, LayerChoice])[] = [
  ['Convolution', { type: 'conv', out: 16, kernel: 3, stride: 1, padding: 1 }],
  ['Batch norm', { type: 'norm' }],
  ['Activation', { type: 'activation' }],
  ['Max pooling', { type: 'pool', kind: 'max', size: 2, stride: 2 }],
  ['Average pooling', { type: 'pool', kind: 'avg', size: 2, stride: 2 }],
  ['Dropout', { type: 'dropout', p: 0.25 }],
  ['Fully connected', { type: 'linear', out: 64 }],
];

const TITLES: { readonly [type in Shaped['layer']['type']]: string } = {
  conv: 'Convolution',
  pool: 'Pooling',
  linear: 'Fully connected',
  norm: 'Batch norm',
  activation: 'Activation',
  dropout: 'Dropout',
  flatten: 'Flatten',
  output: 'Fully connected, 10 digits',
};

/** Number fields of a layer: name of the field, label, least, most, step. */
const FIELDS: {
  readonly [type in LayerChoice['type']]: readonly (readonly [string, string, number, number, number])[];
} = {
  conv: [
    ['out', 'filters', 1, 256, 1],
    ['kernel', 'F', 1, 11, 1],
    ['stride', 'S', 1, 4, 1],
    ['padding', 'P', 0, 5, 1],
  ],
  pool: [
    ['size', 'F', 1, 28, 1],
    ['stride', 'S', 1, 28, 1],
  ],
  linear: [['out', 'outputs', 1, 1024, 1]],
  norm: [],
  activation: [],
  dropout: [['p', 'p', 0, 0.9, 0.05]],
};

function setLayers(layers: readonly LayerChoice[]): void {
  const next = { ...config.value, layers };
  config.value = next;
  if (problemOf(shapesOf(layersOf(next))) === null) void applyConfig(next);
}

const moved = (layers: readonly LayerChoice[], from: number, to: number): LayerChoice[] => {
  const next = [...layers];
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
};

function Fields({ layer, onChange }: { layer: LayerChoice; onChange(layer: LayerChoice): void }) {
  const values: { readonly [name: string]: unknown } = { ...layer };
  return (
    <>
      {FIELDS[layer.type].map(([name, label, min, max, step]) => (
        <label key={name}>
          {label}
          <input
            type="number"
            min={min}
            max={max}
            step={step}
            value={Number(values[name])}
            onChange={({ currentTarget }) => {
              const value = Math.min(max, Math.max(min, currentTarget.valueAsNumber || min));
              onChange({ ...layer, [name]: value });
            }}
          />
        </label>
      ))}
    </>
  );
}

/** The row of a layer that the visitor has put there. */
function Row({ shaped, index }: { shaped: Shaped; index: number }) {
  const layers = layersOf(config.value);
  const layer = layers[index]!;
  const name = `layer ${index + 1}, ${TITLES[layer.type]}`;
  return (
    <li class={shaped.problem ? 'wrong' : ''}>
      <b>{TITLES[layer.type]}</b>
      <span class="layer-fields">
        {layer.type === 'pool' && <span class="soft">{layer.kind === 'max' ? 'maximum' : 'average'}</span>}
        <Fields layer={layer} onChange={(next) => setLayers(layers.map((old, i) => (i === index ? next : old)))} />
      </span>
      <Shape shaped={shaped} />
      <span class="layer-buttons">
        <button
          type="button"
          disabled={index === 0}
          onClick={() => setLayers(moved(layers, index, index - 1))}
          aria-label={`Move up ${name}`}
        >
          ↑
        </button>
        <button
          type="button"
          disabled={index === layers.length - 1}
          onClick={() => setLayers(moved(layers, index, index + 1))}
          aria-label={`Move down ${name}`}
        >
          ↓
        </button>
        <button
          type="button"
          onClick={() => setLayers(layers.filter((_, i) => i !== index))}
          aria-label={`Remove ${name}`}
        >
          ×
        </button>
      </span>
    </li>
  );
}

function Shape({ shaped }: { shaped: Shaped }) {
  if (shaped.problem) return <span class="problem">{shaped.problem}</span>;
  return (
    <span class="shape">
      {shaped.shape ? shaped.shape.join(' × ') : '-'}
      {shaped.parameters > 0 && <small>{whole(shaped.parameters)} parameters</small>}
    </span>
  );
}

export function Builder() {
  const layers = layersOf(config.value);
  let index = 0;
  return (
    <div class="builder">
      <h3>Layers</h3>
      <ol>
        <li class="fixed">
          <b>Image</b>
          <span class="layer-fields soft">white ink on black</span>
          <span class="shape">1 × 28 × 28</span>
        </li>
        {shapesOf(layers).map((shaped, i) =>
          shaped.layer.type === 'flatten' || shaped.layer.type === 'output' ? (
            <li class="fixed" key={`fixed${i}`}>
              <b>{TITLES[shaped.layer.type]}</b>
              <span class="layer-fields soft">added by itself</span>
              <Shape shaped={shaped} />
            </li>
          ) : (
            <Row key={`layer${i}`} shaped={shaped} index={index++} />
          ),
        )}
      </ol>
      <p class="add">
        Add:{' '}
        {NEW.map(([name, layer]) => (
          <button type="button" key={name} onClick={() => setLayers([...layers, layer])}>
            {name}
          </button>
        ))}
      </p>
    </div>
  );
}
