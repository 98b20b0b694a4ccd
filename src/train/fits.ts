/** Whether a plan fits into memory, told before anything is allocated. Imports compile, runtime types, util, engine's key. */
import { bytesFor } from '../compile/place.ts';
import type { Plan } from '../compile/plan.ts';
import type { Session } from '../runtime/session.ts';
import { DeviceError } from '../util/errors.ts';
import type { PlanKey } from './engine.ts';

/** Bytes that preparing a plan allocates. */
export interface Need {
  /** Slabs beyond those that plans before it have left in the pool. */
  readonly activations: number;
  readonly inputs: number;
  /** Constants, tables and uniforms. */
  readonly others: number;
  readonly total: number;
  /** The largest buffer. */
  readonly largest: number;
}

const sum = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);

/** What is allocated besides the slabs of the pool (bytes), each of which holds one slab of the plan. */
export function needOf(plan: Plan, pool: readonly number[]): Need {
  const free = [...pool].sort((a, b) => a - b);
  const slabs = [...plan.slabs]
    .sort((a, b) => b - a)
    .filter((bytes) => {
      const at = free.findIndex((size) => size >= bytes);
      if (at >= 0) free.splice(at, 1);
      return at < 0;
    });
  const inputs = plan.inputs.map(({ place }) => place.bytes);
  const others = [
    plan.uniforms.byteLength,
    ...plan.constants.map(({ elements }) => bytesFor(elements)),
    ...plan.tables.map(({ length }) => bytesFor(length)),
  ];
  return {
    activations: sum(slabs),
    inputs: sum(inputs),
    others: sum(others),
    total: sum([...slabs, ...inputs, ...others]),
    largest: Math.max(0, ...slabs, ...inputs, ...others),
  };
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const WHAT: { readonly [mode in PlanKey['mode']]: string } = {
  train: 'a training step',
  eval: 'an evaluation',
  predict: 'a prediction',
};

/** Why a plan does not fit; null where it does. */
function refusal(plan: Plan, { device, pool }: Session, mode: PlanKey['mode']): string | null {
  const { live, budgetBytes, maxBufferBytes } = device.ledger;
  const need = needOf(
    plan,
    pool.map(({ size }) => size),
  );
  if (need.largest > maxBufferBytes)
    return `${WHAT[mode]} needs a buffer of ${mebibytes(need.largest)}, this device makes ${mebibytes(maxBufferBytes)} at most`;
  if (live.bytes + need.total <= budgetBytes) return null;
  const parts = [`activations ${mebibytes(need.activations)}`, `inputs ${mebibytes(need.inputs)}`];
  return (
    `${WHAT[mode]} needs ${mebibytes(need.total)} of GPU memory (${parts.join(', ')}), ` +
    `${mebibytes(live.bytes)} of the budget of ${mebibytes(budgetBytes)} are in use`
  );
}

interface Try {
  readonly plan: Plan | null;
  /** Why not. */
  readonly why: string;
  readonly error?: DeviceError;
}

/**
 * The plan of a key, which fits.
 *
 * @throws DeviceError with the numbers and a batch that does fit, before anything is allocated.
 */
export function planThatFits(
  key: PlanKey,
  { session, describe }: { readonly session: Session; readonly describe: (key: PlanKey) => Plan },
): Plan {
  const attempt = (batch: number): Try => {
    try {
      const plan = describe({ ...key, batch });
      const why = refusal(plan, session, key.mode);
      return why === null ? { plan, why: '' } : { plan: null, why };
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      return { plan: null, why: error.message.replace(/\. Use a smaller batch\.$/, ''), error };
    }
  };
  const { batch, mode } = key;
  const { plan, why, error } = attempt(batch);
  if (plan) return plan;
  let smaller = Math.floor(batch / 2);
  while (smaller >= 1 && !attempt(smaller).plan) smaller = Math.floor(smaller / 2);
  // Not a matter of the batch, and said so already.
  if (smaller < 1 && error) throw error;
  const steps = mode === 'train' ? ` with accumulationSteps ${Math.ceil(batch / smaller)} for an update like this` : '';
  const instead = smaller >= 1 ? `batchSize ${smaller}${steps}, a smaller model` : 'a smaller model or input';
  throw new DeviceError(
    `batch of ${batch}: ${why}. Use ${instead}${error ? '' : ', or raise memoryBudget of requestDevice'}.`,
    { cause: error },
  );
}
