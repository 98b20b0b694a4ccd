/** The five optimizers: their colours, learning rates, and how they fared. Imports state, ui. */
import { OPTIMIZERS } from '../../engine/config.ts';
import { Chart, type ChartProps } from '../../ui/chart.tsx';
import { Slider } from '../../ui/fields.tsx';
import { percent, short } from '../../ui/format.ts';
import { RUNNER_COLORS, RUNNER_NAMES } from './names.ts';
import type { RunnerId, RunnerResult } from './protocol.ts';
import { change, computing, race, raceLength, summary, wish } from './state.ts';

const LINES = OPTIMIZERS.map((id, i) => ({ label: RUNNER_NAMES[id], color: RUNNER_COLORS[i]!, width: 1.6 }));

const raceData: ChartProps['data'] = () => {
  void raceLength.value;
  const steps = race.steps.length > 0 ? [...race.steps] : [0, 1];
  return [steps, ...LINES.map((_, i) => (race.steps.length > 0 ? [...race.losses[i]!] : [null, null]))] as [
    number[],
    ...(number | null)[][],
  ];
};

const number = (value: number | null | undefined): string =>
  value === null || value === undefined || Number.isNaN(value) ? '-' : short(value);

function Row({ id, result }: { id: RunnerId; result: RunnerResult | undefined }) {
  const { rates } = wish.value;
  return (
    <tr>
      <th scope="row">
        <span class={`mountain-name path-${id}`}>{RUNNER_NAMES[id]}</span>
      </th>
      <td class="mountain-rate">
        <Slider
          label={`Learning rate of ${RUNNER_NAMES[id]}`}
          value={rates[id]}
          min={1e-4}
          max={1}
          logarithmic
          disabled={computing.value}
          onChange={(rate) => change({ rates: { ...rates, [id]: rate } })}
        />
      </td>
      <td>{result?.divergedAt ? `diverged at step ${result.divergedAt}` : number(result?.loss)}</td>
      <td>{number(result?.surfaceLoss)}</td>
      <td>{number(result?.distance)}</td>
      <td>{result ? percent(result.share) : '-'}</td>
    </tr>
  );
}

export function Results() {
  const runners = summary.value?.runners;
  return (
    <div class="mountain-results">
      <div class="mountain-scroll">
        <table>
          <caption class="visually-hidden">The five optimizers: learning rates and results</caption>
          <thead>
            <tr>
              <th scope="col">Optimizer</th>
              <th scope="col">Learning rate</th>
              <th scope="col">Loss</th>
              <th scope="col">on plane</th>
              <th scope="col">Distance</th>
              <th scope="col">in plane</th>
            </tr>
          </thead>
          <tbody>
            {OPTIMIZERS.map((id) => (
              <Row key={id} id={id} result={runners?.find((runner) => runner.id === id)} />
            ))}
          </tbody>
        </table>
      </div>
      <Chart
        label="Loss of each batch, before its step, of the five optimizers"
        yLabel="batch loss"
        lines={LINES}
        data={raceData}
        logarithmic
        format={short}
      />
    </div>
  );
}
