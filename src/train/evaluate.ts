/** Loss and accuracy over a data set. Imports engine, runtime, util. */
import type { Dataset } from '../data/dataset.ts';
import { RING_SLOTS, type RingRead } from '../runtime/ring.ts';
import { packStep } from '../runtime/step.ts';
import { countingOf } from './counting.ts';
import type { Metric, MetricResults } from './metrics.ts';
import type { WeightsOptions } from './options.ts';
import type { Trainer } from './trainer.ts';

export interface Evaluation extends MetricResults {
  /** Mean over the samples. */
  readonly loss: number;
  /** Share of samples classified correctly; 0 for losses that do not classify. */
  readonly accuracy: number;
  readonly samples: number;
}

/** Batches between two reads of the ring: a third of it, since up to three reads are on their way. */
const CHUNK = Math.floor(RING_SLOTS / 4);

export interface EvaluateOptions extends WeightsOptions {
  /** What else is counted; for models that classify. */
  readonly metrics?: readonly Metric[];
}

/** `weights`: the slot of the weights to be used in place of the parameters. */
export async function runEvaluate(
  trainer: Trainer,
  data: Dataset,
  { metrics = [], weights }: EvaluateOptions & { readonly weights?: number },
): Promise<Evaluation> {
  const { engine, ring, options } = trainer;
  const counting = countingOf(engine, metrics, options.loss);
  const batch = Math.min(options.batchSize, data.count);
  const resident = engine.resident(data) ?? undefined;
  let [loss, correct, samples] = [0, 0, 0];
  const reads: RingRead[] = [];
  const collect = async (): Promise<void> => {
    for (const m of await reads.shift()!.collect()) {
      loss += m.loss * m.samples;
      correct += m.correct;
      samples += m.samples;
    }
  };
  let slots: number[] = [];
  for (let first = 0, index = 0; first < data.count; first += batch, index++) {
    const size = Math.min(batch, data.count - first);
    const plan = await engine.plan({ mode: 'eval', batch: size, data: resident, weights, counting });
    if (!resident) {
      const { x, y } = data.gather(Array.from({ length: size }, (_, i) => first + i));
      engine.session.write(plan, 'x', x);
      engine.session.write(plan, 'y', y);
    }
    // Not the slots of the trainer's last step and of the one that may be pending: `metrics` still tells them.
    const slot = (trainer.passes + 2 + (index % (RING_SLOTS - 2))) % RING_SLOTS;
    slots.push(slot);
    const full = slots.length === CHUNK || first + batch >= data.count;
    if (full && reads.length >= 2) await collect();
    const target = full ? ring.take() : null;
    const records = ring.record(plan, { slot, samples: size });
    const copies = target ? [{ source: ring.buffer, target }] : [];
    engine.session.run([plan, ...records, ...copies], { step: packStep({ slot, first }) });
    if (target) {
      reads.push(ring.read(target, slots));
      slots = [];
    }
  }
  while (reads.length > 0) await collect();
  return { loss: loss / samples, accuracy: correct / samples, samples, ...(await counting?.results()) };
}
