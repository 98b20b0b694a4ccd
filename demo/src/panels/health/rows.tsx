/** The rows of the panel: a layer's outputs, what is dead or saturated, its gradient and its steps. Imports state, axis, outputs. */
import { percent, short } from '../../ui/format.ts';
import { type LogAxis, logAxis, placeOn, power, ticksOf } from './axis.ts';
import { Outputs } from './outputs.tsx';
import type { Stage, StageLook } from './protocol.ts';
import { lookCount, looks, stages } from './state.ts';

/** Looks back that the pale bar behind a dot covers. */
const TRAIL = 20;
/** Update ratios about which nothing needs to be said: three times less to three times more than 1e-3. */
const USUAL = [10 ** -3.5, 10 ** -2.5] as const;

const share = (part: number): { left: string } => ({ left: `${(100 * part).toFixed(2)}%` });
const between = (from: number, to: number) => ({ ...share(from), width: `${(100 * (to - from)).toFixed(2)}%` });

interface DotsProps {
  readonly axis: LogAxis;
  /** The newest last. */
  readonly values: readonly number[];
  readonly band?: readonly [number, number];
}

function Dots({ axis, values, band }: DotsProps) {
  const now = values.at(-1);
  const places = values.map((value) => placeOn(axis, value));
  return (
    <div class="health-dots">
      <div class="health-track" aria-hidden="true">
        {band && <i class="health-band" style={between(placeOn(axis, band[0]), placeOn(axis, band[1]))} />}
        {ticksOf(axis).map((exponent) => (
          <i key={exponent} class="health-tick" style={share(placeOn(axis, 10 ** exponent))} />
        ))}
        {now !== undefined && (
          <>
            <i class="health-trail" style={between(Math.min(...places), Math.max(...places))} />
            <i class="health-dot" style={share(places.at(-1)!)} />
          </>
        )}
      </div>
      <span class="health-value">{now === undefined ? '-' : short(now)}</span>
    </div>
  );
}

function Axis({ axis, mark }: { axis: LogAxis; mark?: number }) {
  return (
    <div class="health-dots" aria-hidden="true">
      <div class="health-axis">
        {ticksOf(axis).map((exponent) => (
          <span key={exponent} class={exponent === mark ? 'marked' : ''} style={share(placeOn(axis, 10 ** exponent))}>
            {power(exponent)}
          </span>
        ))}
      </div>
      <span class="health-value" />
    </div>
  );
}

function Bar({ now, lasting = null }: { now: number; lasting?: number | null }) {
  return (
    <div class="health-bar" aria-hidden="true">
      <i class="now" style={between(0, now)} />
      {lasting !== null && <i class="lasting" style={between(0, lasting)} />}
    </div>
  );
}

function Unwell({ look }: { look: StageLook | undefined }) {
  if (look?.dead) {
    const { now, lasting } = look.dead;
    return (
      <>
        <Bar now={now} lasting={lasting} />
        <span>
          {percent(now, 0)} dead <small>{percent(lasting, 0)} for ten looks</small>
        </span>
      </>
    );
  }
  if (look && look.saturated !== null)
    return (
      <>
        <Bar now={look.saturated} />
        <span>{percent(look.saturated, 0)} saturated</span>
      </>
    );
  return <span class="soft">-</span>;
}

const typed = ({ name, watched, type, shape }: Stage): string =>
  `${watched === name ? 'logits' : type} · ${shape.join(' × ')}`;

interface RowProps {
  readonly stage: Stage;
  readonly index: number;
  readonly gradients: LogAxis;
  readonly ratios: LogAxis;
}

function Row({ stage, index, gradients, ratios }: RowProps) {
  const trail = looks.slice(-TRAIL).flatMap((look) => look.stages[index] ?? []);
  const look = trail.at(-1);
  return (
    <tr>
      <th scope="row">
        {stage.name} <small>{typed(stage)}</small>
        {look?.distinct && look.distinct.count < look.distinct.units && (
          <small class="health-twins">
            {look.distinct.count} of {look.distinct.units} units differ
          </small>
        )}
      </th>
      <td>
        <Outputs stage={stage} index={index} />
      </td>
      <td class="health-unwell">
        <Unwell look={look} />
      </td>
      <td>
        <span class="health-label">Gradient norm</span>
        <Dots axis={gradients} values={trail.map(({ gradientNorm }) => gradientNorm)} />
      </td>
      <td>
        <span class="health-label">Update ratio</span>
        <Dots axis={ratios} values={trail.map(({ updateRatio }) => updateRatio)} band={USUAL} />
      </td>
    </tr>
  );
}

export function Rows() {
  void lookCount.value;
  const recent = looks.slice(-TRAIL).flatMap((look) => look.stages);
  const gradients = logAxis(
    recent.map(({ gradientNorm }) => gradientNorm),
    { low: -4, high: 1 },
  );
  const ratios = logAxis(
    recent.map(({ updateRatio }) => updateRatio),
    { low: -6, high: 0 },
  );
  return (
    <table class="health-rows">
      <caption>
        {looks.length > 0
          ? `Step ${looks.at(-1)!.step.toLocaleString('en')}`
          : 'No step yet: press Start, or try a case.'}
        <small>
          {' '}
          Each row is a layer with weights and its activation, from the images down to the result. Pale bars: the last
          twenty looks.
        </small>
      </caption>
      <thead>
        <tr>
          <th scope="col">Layer</th>
          <th scope="col">Outputs over time, and now</th>
          <th scope="col">Dead or saturated</th>
          <th scope="col">
            Gradient norm
            <Axis axis={gradients} />
          </th>
          <th scope="col">
            Update ratio <small>10⁻³ is usual</small>
            <Axis axis={ratios} mark={-3} />
          </th>
        </tr>
      </thead>
      <tbody>
        {stages.value.map((stage, index) => (
          <Row key={`${index} ${stage.name}`} stage={stage} index={index} gradients={gradients} ratios={ratios} />
        ))}
      </tbody>
    </table>
  );
}
