/** Panel "Train": choices, buttons, live charts. Imports state, ui, engine's pure parts. */
import { useComputed, useSignal } from '@preact/signals';
import {
  ACTIVATIONS,
  AUGMENTATIONS,
  BATCH_SIZES,
  type Config,
  DEFAULT_RATES,
  INITIALIZERS,
  LOSSES,
  layersOf,
  NETWORKS,
  OPTIMIZERS,
} from '../../engine/config.ts';
import { problemOf, shapesOf } from '../../engine/shapes.ts';
import {
  applyConfig,
  attempt,
  batches,
  config,
  historyLength,
  lab,
  model,
  progress,
  ready,
  running,
  tests,
} from '../../state.ts';
import { Chart } from '../../ui/chart.tsx';
import { Code } from '../../ui/code.tsx';
import { Select, Slider } from '../../ui/fields.tsx';
import { duration, percent, short, whole } from '../../ui/format.ts';
import { Builder } from './builder.tsx';
import { codeOf } from './code-of.ts';
import { joined, smoothed } from './series.ts';

const NETWORK_NAMES: { readonly [name in Config['network']]: string } = {
  mlp: 'MLP: one hidden layer of 128',
  lenet: 'LeNet-5: two convolutions',
  modern: 'Small modern CNN with batch norm',
  custom: 'Built layer by layer',
};
const ACTIVATION_NAMES: { readonly [name in Config['activation']]: string } = {
  relu: 'ReLU',
  leakyRelu: 'Leaky ReLU',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  silu: 'SiLU (swish)',
  gelu: 'GELU',
};
const INIT_NAMES: { readonly [name in Config['init']]: string } = {
  default: "PyTorch's default",
  kaimingNormal: 'Kaiming (He), normal',
  kaimingUniform: 'Kaiming (He), uniform',
  xavierNormal: 'Xavier (Glorot), normal',
  xavierUniform: 'Xavier (Glorot), uniform',
  normal: 'Normal, deviation 0.01',
  zeros: 'All zero',
};
const OPTIMIZER_NAMES: { readonly [name in Config['optimizer']]: string } = {
  sgd: 'SGD',
  momentum: 'SGD with momentum 0.9',
  adagrad: 'Adagrad',
  rmsprop: 'RMSProp',
  adam: 'Adam',
};
const AUGMENT_NAMES: { readonly [name in Config['augment']]: string } = {
  none: 'None',
  shift: 'Shift by up to 2 pixels',
  affine: 'Rotate, shift, scale',
  erase: 'Erase a rectangle',
};
const LOSS_NAMES: { readonly [name in Config['loss']]: string } = {
  crossEntropy: 'Cross-entropy',
  mse: 'Squared error of probabilities',
};

const named = <T extends string>(values: readonly T[], names: { readonly [value in T]: string }): [T, string][] =>
  values.map((value) => [value, names[value]]);

function Choices() {
  const chosen = config.value;
  const change = (part: Partial<Config>): void => {
    config.value = { ...chosen, ...part };
    const problem = problemOf(shapesOf(layersOf(config.value)));
    if (problem === null) void applyConfig(config.value);
  };
  return (
    <form class="choices" onSubmit={(event) => event.preventDefault()}>
      <Select
        label="Network"
        value={chosen.network}
        options={named(NETWORKS, NETWORK_NAMES)}
        // What is built layer by layer starts from the network before.
        onChange={(network) => change(network === 'custom' ? { network, layers: layersOf(chosen) } : { network })}
      />
      <Select
        label="Activation"
        value={chosen.activation}
        options={named(ACTIVATIONS, ACTIVATION_NAMES)}
        onChange={(activation) => change({ activation })}
      />
      <Select
        label="First weights"
        value={chosen.init}
        options={named(INITIALIZERS, INIT_NAMES)}
        onChange={(init) => change({ init })}
      />
      <Select
        label="Loss"
        value={chosen.loss}
        options={named(LOSSES, LOSS_NAMES)}
        onChange={(loss) => change({ loss })}
      />
      <Select
        label="Optimizer"
        value={chosen.optimizer}
        options={named(OPTIMIZERS, OPTIMIZER_NAMES)}
        onChange={(optimizer) => change({ optimizer, lr: DEFAULT_RATES[optimizer] })}
      />
      <Rate value={chosen.lr} onChange={(lr) => change({ lr })} />
      <Select
        label="Batch"
        value={chosen.batchSize}
        options={BATCH_SIZES.map((size) => [size, `${size} images`])}
        onChange={(batchSize) => change({ batchSize })}
      />
      <Select
        label="Augmentation"
        value={chosen.augment}
        options={named(AUGMENTATIONS, AUGMENT_NAMES)}
        onChange={(augment) => change({ augment })}
      />
    </form>
  );
}

/** Applies a learning rate when the slider rests, since each one makes a new network. */
function Rate({ value, onChange }: { value: number; onChange(value: number): void }) {
  const moving = useSignal<{ lr: number; timer: ReturnType<typeof setTimeout> } | null>(null);
  const move = (lr: number): void => {
    clearTimeout(moving.value?.timer);
    const timer = setTimeout(() => {
      moving.value = null;
      onChange(lr);
    }, 400);
    moving.value = { lr, timer };
  };
  return (
    <Slider label="Learning rate" value={moving.value?.lr ?? value} min={1e-4} max={1} logarithmic onChange={move} />
  );
}

function Buttons() {
  const idle = !ready.value || running.value;
  return (
    <div class="buttons">
      <button
        type="button"
        class="primary"
        disabled={!ready.value || running.value}
        onClick={() => attempt(() => lab.start())}
      >
        Start
      </button>
      <button type="button" disabled={!running.value} onClick={() => attempt(() => lab.pause())}>
        Pause
      </button>
      <button type="button" disabled={idle} onClick={() => attempt(() => lab.step())}>
        Step
      </button>
      <button type="button" disabled={!ready.value} onClick={() => attempt(() => lab.reset())}>
        Reset
      </button>
    </div>
  );
}

function Numbers() {
  void historyLength.value;
  const { step = 0, epoch = 1, batch = 0, batches: inEpoch = 0, imagesPerSecond = null } = progress.value ?? {};
  const last = batches.at(-1);
  const test = tests.at(-1);
  const left =
    imagesPerSecond && running.value ? ((inEpoch - batch) * model.value!.config.batchSize) / imagesPerSecond : null;
  return (
    <>
      <dl class="numbers">
        <div>
          <dt>Test accuracy</dt>
          <dd class="big">{test ? percent(test.accuracy) : '-'}</dd>
        </div>
        <div>
          <dt>Loss of the last batch</dt>
          <dd>{last ? short(last.loss) : '-'}</dd>
        </div>
        <div>
          <dt>Steps</dt>
          <dd data-testid="step">{whole(step)}</dd>
        </div>
        <div>
          <dt>Speed</dt>
          <dd>{imagesPerSecond ? `${whole(imagesPerSecond)} images/s` : '-'}</dd>
        </div>
        <div>
          <dt>Epoch {epoch} ends in</dt>
          <dd>{left === null ? '-' : duration(left)}</dd>
        </div>
      </dl>
      <progress class="epoch" value={batch} max={Math.max(1, inEpoch)} aria-label={`Progress of epoch ${epoch}`} />
    </>
  );
}

const SERIES = [
  { label: 'train, each batch', color: '--train', width: 1, alpha: 0.35 },
  { label: 'train, smoothed', color: '--train', width: 2 },
  { label: 'test', color: '--test', width: 2, dash: [6, 3], points: true },
] as const;

function Charts() {
  const series = (of: 'loss' | 'accuracy') => () => {
    void historyLength.value;
    const rows = joined(batches, tests, of);
    return [rows.steps, rows.train, smoothed(rows.train), rows.test] as [
      number[],
      (number | null)[],
      (number | null)[],
      (number | null)[],
    ];
  };
  return (
    <div class="charts">
      <Chart
        label="Loss of training batches and of test images, by step"
        yLabel="loss"
        lines={SERIES}
        data={series('loss')}
        logarithmic
        format={short}
      />
      <Chart
        label="Accuracy of training batches and of test images, by step"
        yLabel="accuracy"
        lines={SERIES}
        data={series('accuracy')}
        yRange={[0, 1]}
        format={(value) => percent(value, 0)}
      />
    </div>
  );
}

export default function Train() {
  const builds = useComputed(() => config.value.network === 'custom');
  return (
    <>
      <p class="lead">
        A network learns to read 60,000 handwritten digits. Choose one, press Start, and watch it here and in all the
        panels below. A change of the network or of how it is trained starts again from new weights.
      </p>
      <div class="train-grid">
        <Choices />
        <div>
          <Buttons />
          <Numbers />
          <Charts />
        </div>
      </div>
      {builds.value ? <Builder /> : null}
      <Code>{codeOf(config.value)}</Code>
    </>
  );
}
