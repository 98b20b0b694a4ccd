/** The counts of metrics on an engine: their buffer, the kernels that add to it, and what comes of them. Imports metrics, engine, compile, runtime, util. */
import type { Place } from '../compile/place.ts';
import type { PlanTensor, Tail } from '../compile/plan.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { Loss } from '../nn/losses.ts';
import { Counts } from '../runtime/counts.ts';
import { ArgumentError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import type { Engine } from './engine.ts';
import type { Metric, MetricResults } from './metrics.ts';

/** What a plan for evaluation counts. */
export interface Counting {
  readonly id: string;
  readonly counts: Counts;
  readonly externals: { readonly counts: Counts['buffer'] };
  /** Kernels behind a plan whose outputs `output` and `target` can be read. */
  tail(read: readonly PlanTensor[]): readonly Tail[];
  results(): Promise<MetricResults>;
}

const known = new WeakMap<Engine, Map<string, Counting>>();

function make(engine: Engine, metrics: readonly Metric[], id: string): Counting {
  const classes = engine.model.outputShape[0]!;
  let length = 0;
  const sections = metrics.map((metric) => {
    const section = { metric, base: length, end: length + metric.size(classes) };
    length = section.end;
    return section;
  });
  const counts = new Counts(engine.device, length);
  engine.companions.add(counts);
  const place: Place = { buffer: { kind: 'external', name: 'counts' }, offset: 0, bytes: counts.bytes };
  return {
    id,
    counts,
    externals: { counts: counts.buffer },
    tail(read) {
      const of = (name: string): PlanTensor => read.find((tensor) => tensor.name === name)!;
      const [output, target] = [of('output'), of('target')];
      const samples = output.shape[0]!;
      return sections.map(({ metric, base }) => ({
        label: `metrics.${metric.id}`,
        kernel: {
          shader: metric.shader,
          bind: { output: output.place, labels: target.place, counts: place },
          params: { samples, classes, base, ...metric.params },
          workgroups: linearGroups(samples, 64),
        },
      }));
    },
    async results() {
      const all = await counts.read();
      return sections.reduce<MetricResults>(
        (results, { metric, base, end }) => metric.finish(results, all.slice(base, end), classes),
        {},
      );
    },
  };
}

/**
 * Zeroed counts for metrics; undefined for none. Throws ArgumentError where the model does not classify.
 */
export function countingOf(engine: Engine, metrics: readonly Metric[], loss: Loss): Counting | undefined {
  if (metrics.length === 0) return undefined;
  const { outputShape } = engine.model;
  const distinct = [...new Map(metrics.map((metric) => [metric.id, metric])).values()];
  const id = distinct.map((metric) => metric.id).join(', ');
  if (loss.targets !== 'labels' || outputShape.length !== 1)
    throw new ArgumentError(
      `evaluate: ${id} of ${loss.name} with outputs ${show(outputShape)}. Use a loss with labels and one output for each class.`,
    );
  const ofEngine = known.get(engine) ?? new Map<string, Counting>();
  known.set(engine, ofEngine);
  const found = ofEngine.get(id) ?? make(engine, distinct, id);
  ofEngine.set(id, found);
  found.counts.clear();
  return found;
}
