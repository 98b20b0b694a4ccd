/** What the tuner keeps between processes: keys, entries, and their text. Imports compile, gpu, graph types, util. */
import { emptyUniforms, lowerKernel } from '../compile/lower.ts';
import type { Offer } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import { webgpuVersion } from '../gpu/node-gpu.ts';
import type { PlanValue, Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { VERSION } from '../util/version.ts';

/** Where the text is kept: a file, IndexedDB, memory. Neither function rejects: a cache that fails is none. */
export interface TuneStore {
  read(): Promise<string | null>;
  write(text: string): Promise<void>;
}

/** What is known of one shape class on one adapter. */
export interface TuneEntry {
  readonly choice: string;
  /** Microseconds of the candidates that were timed. */
  readonly times: { readonly [id: string]: number };
  /** Candidates that compute wrong values or do not compile. */
  readonly wrong: readonly string[];
}

/** Raised where entries of before mean something else. */
const FORMAT = 'gabor tune 1';

/** Versions that a choice depends on besides the driver's: of gabor, of the browser or Node, and of Dawn in Node. */
export const versions = (): readonly (string | null)[] => [
  VERSION,
  globalThis.navigator?.userAgent ?? '',
  webgpuVersion(),
];

/** What keeps choices of one adapter apart from those of others: names, driver, limits, features, and versions. */
export function adapterKey({ adapter, caps }: Pick<Device, 'adapter' | 'caps'>, made = versions()): string {
  const { name, vendor, architecture, driver } = adapter;
  return JSON.stringify([name, vendor, architecture, driver, caps, made]);
}

const valueText = ({ shape, dtype, layout }: PlanValue): string => `${dtype} ${layout} ${shape.join('x')}`;

/** The shape class: all that the kernels of a node depend on. Batch sizes are part of it. */
export function classOf({ op, attrs, inputs, outputs, used, epilogue, variants }: Offer): string {
  const inputText = inputs.map((value) => {
    const same = inputs.findIndex(({ id }) => id === value.id);
    return `${same} ${valueText(value)}`;
  });
  const { operand, channels } = epilogue ?? {};
  const byChannel = channels && [channels.prepare, channels.values.map(valueText)];
  const after = epilogue && [epilogue.statements, operand && valueText(operand), ...(byChannel ? [byChannel] : [])];
  return JSON.stringify([op, attrs, inputText, outputs.map(valueText), used, after, variants.map(({ id }) => id)]);
}

/** The class without the batch and the epilogue: a smaller batch, or a plan that is looked into, takes the choice of its like. */
export function nearClassOf({ op, inputs, outputs, variants }: Offer): string {
  const rest = (value: PlanValue): string =>
    value.source.kind === 'parameter' ? valueText(value) : `${value.layout} ${value.shape.slice(1).join('x')}`;
  const ids = variants.map(({ id }) => id);
  return JSON.stringify([op, inputs.map(rest), outputs.map(({ layout }) => layout), ids]);
}

/** FNV-1a, twice with other starts: 64 bits as text. */
function hash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x01000193) ^ (a >>> 15);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Shader text as compiled, parameters and workgroups of a variant; the reason where it cannot be lowered. */
function variantText({ kernels }: Variant, caps: DeviceCaps): string {
  const place = { buffer: { kind: 'state' }, offset: 0, bytes: 16 } as const;
  const uniforms = emptyUniforms();
  try {
    const lowered = kernels.map((kernel) =>
      lowerKernel(kernel, { label: '', variant: '', candidates: [], flops: 0, caps, uniforms, placeOf: () => place }),
    );
    return JSON.stringify([lowered.map(({ shader }) => shader.code), kernels.map((k) => [k.params, k.workgroups])]);
  } catch (error) {
    return String(error);
  }
}

/** Key of a class whose candidates `ids` are looked at, and timed or only checked. Another shader text is another key. */
export function entryKey(
  offer: Offer,
  { ids, timed, caps }: { readonly ids: readonly string[]; readonly timed: boolean; readonly caps: DeviceCaps },
): string {
  const texts = offer.variants.filter(({ id }) => ids.includes(id)).map((variant) => variantText(variant, caps));
  return `${timed ? 'timed' : 'checked'} ${hash(JSON.stringify([ids, texts]))} ${classOf(offer)}`;
}

/** Key of a variant that is only checked: its sources, whatever the shapes of the node that stands for all. */
export const sourceKey = (op: string, { id, kernels }: Variant): string =>
  `first ${op} ${id} ${hash(JSON.stringify(kernels.map(({ shader }) => shader)))}`;

export type TuneTable = { [adapter: string]: { [key: string]: TuneEntry } };

const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isEntry = (value: unknown): value is TuneEntry =>
  isRecord(value) &&
  typeof value.choice === 'string' &&
  isRecord(value.times) &&
  Object.values(value.times).every((time) => typeof time === 'number') &&
  Array.isArray(value.wrong) &&
  value.wrong.every((id) => typeof id === 'string');

/** The table in a text; an empty one where the text is damaged or somebody else's. Entries that are damaged are left out. */
export function parseTable(text: string | null): TuneTable {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text ?? 'null');
  } catch {
    // damaged
  }
  if (!isRecord(parsed) || parsed.format !== FORMAT || !isRecord(parsed.adapters)) return {};
  return Object.fromEntries(
    Object.entries(parsed.adapters).map(([adapter, entries]) => [
      adapter,
      isRecord(entries)
        ? Object.fromEntries(Object.entries(entries).flatMap(([key, e]) => (isEntry(e) ? [[key, e] as const] : [])))
        : {},
    ]),
  );
}

export const tableText = (adapters: TuneTable): string => `${JSON.stringify({ format: FORMAT, adapters }, null, 1)}\n`;

/** What is kept of an adapter. */
export const readEntries = async (store: TuneStore, adapter: string): Promise<{ [key: string]: TuneEntry }> =>
  parseTable(await store.read())[adapter] ?? {};

/** Keeps what is new beside what is there, which is read again: another process may have written meanwhile. */
export async function addEntries(
  store: TuneStore,
  adapter: string,
  fresh: { readonly [key: string]: TuneEntry },
): Promise<void> {
  if (Object.keys(fresh).length === 0) return;
  const table = parseTable(await store.read());
  await store.write(tableText({ ...table, [adapter]: { ...table[adapter], ...fresh } }));
}
