/** Cross-entropy and squared error on the same net, side by side. Imports state, verdict, ui. */
import { attempt, lab, ready } from '../../state.ts';
import { Chart } from '../../ui/chart.tsx';
import { Select } from '../../ui/fields.tsx';
import { percent, short } from '../../ui/format.ts';
import { type Duel, SATURATION } from './protocol.ts';
import { compare, duel, duelMessage, duelPoints, duelRunning, duelShown } from './state.ts';
import { verdict } from './verdict.ts';

const LINES = [
  { label: 'cross-entropy', color: '--train' },
  { label: 'squared error', color: '--test', dash: [6, 3] },
] as const;

function Choices() {
  const chosen = duel.value;
  const change = (part: Partial<Duel>): void => {
    duel.value = { ...chosen, ...part };
  };
  return (
    <form class="health-choices" onSubmit={(event) => event.preventDefault()}>
      <Select
        label="Output"
        value={chosen.output}
        options={[
          ['softmax', 'Softmax'],
          ['sigmoid', 'Sigmoid'],
        ]}
        onChange={(output) => change({ output })}
      />
      <Select
        label="First weights of the last layer"
        value={chosen.start}
        options={[
          ['saturated', `Saturated (× ${SATURATION})`],
          ['usual', 'As usual'],
        ]}
        onChange={(start) => change({ start })}
      />
      <Select
        label="Learning rate of both (SGD)"
        value={chosen.lr}
        options={[0.02, 0.05, 0.1, 0.2].map((lr) => [lr, short(lr)])}
        onChange={(lr) => change({ lr })}
      />
      <Select
        label="Steps"
        value={chosen.steps}
        options={[100, 200, 400, 1000].map((steps) => [steps, `${steps} steps`])}
        onChange={(steps) => change({ steps })}
      />
      <div class="buttons">
        <button
          type="button"
          class="primary"
          disabled={!ready.value || duelRunning.value}
          onClick={() => attempt(compare)}
        >
          Compare
        </button>
        <button type="button" disabled={!duelRunning.value} onClick={() => attempt(() => lab.panels.health.cancel())}>
          Stop
        </button>
      </div>
    </form>
  );
}

function Charts() {
  const steps = (): number[] => duelPoints.value.map(({ step }) => step);
  return (
    <div class="charts">
      <Chart
        label="Accuracy of training batches with cross-entropy and with squared error, by step"
        yLabel="accuracy"
        lines={LINES}
        data={() => [
          steps(),
          duelPoints.value.map(({ accuracy }) => accuracy.crossEntropy),
          duelPoints.value.map(({ accuracy }) => accuracy.squared),
        ]}
        yRange={[0, 1]}
        format={(value) => percent(value, 0)}
      />
      <Chart
        label="Norm of the gradient at the last layer's weights with cross-entropy and with squared error, by step"
        yLabel="gradient norm, last layer"
        lines={LINES}
        data={() => [
          steps(),
          duelPoints.value.map(({ gradientNorm }) => gradientNorm.crossEntropy || null),
          duelPoints.value.map(({ gradientNorm }) => gradientNorm.squared || null),
        ]}
        logarithmic
        format={short}
      />
    </div>
  );
}

export function Compare() {
  const text = duelShown.value && verdict(duelPoints.value, duelShown.value);
  return (
    <div class="health-compare">
      <h3>Cross-entropy against squared error</h3>
      <p class="lead">
        Two copies of one small net (784, 64 ReLU, 10), from the same weights, on the same batches of 32. Only the loss
        differs; both are summed over the ten outputs.
      </p>
      <Choices />
      {duelPoints.value.length > 0 && <Charts />}
      {duelRunning.value && duelPoints.value.length === 0 && <p class="hint">Both nets are being made.</p>}
      {text && <p class="health-verdict">{text}</p>}
      {duelMessage.value && (
        <p class="hint" role="status">
          {duelMessage.value}
        </p>
      )}
    </div>
  );
}
