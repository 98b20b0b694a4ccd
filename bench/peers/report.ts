/** What is measured, and its tables. Pure; imports compare. */
import { ratioOf, type Spread, spreadOf } from './compare.ts';

/** One kind of work of one peer: a rate for each round, or why there is none that counts. */
export interface Work {
  /** Images per second. */
  readonly rates: readonly number[];
  readonly void: string | null;
}

/** One peer on one net. */
export interface Row {
  readonly net: string;
  readonly peer: string;
  readonly version: string;
  readonly adapter: string;
  readonly train: Work;
  readonly infer: Work;
  /** Seconds from process start to the loss of the first training step. */
  readonly first: { readonly cold: readonly number[]; readonly warm: readonly number[]; readonly void: string | null };
  /** Most resident memory of its process, bytes. */
  readonly memory: number | null;
  /** Of the first training steps. */
  readonly losses: readonly number[];
}

export interface Report {
  readonly date: string;
  readonly command: string;
  readonly quick: boolean;
  /** Name and value of everything that the numbers depend on. */
  readonly environment: { readonly [name: string]: string };
  readonly nets: { readonly [name: string]: string };
  readonly rows: readonly Row[];
}

/** Three significant digits, thousands apart. */
export function number(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return `${value}`;
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const NOTHING = '-';

const spread = (value: Spread | null, unit = ''): string => {
  if (!value) return NOTHING;
  const { median, min, max } = value;
  return min === max ? `${number(median)}${unit}` : `${number(median)}${unit} (${number(min)} to ${number(max)})`;
};

const work = (row: Row, kind: 'train' | 'infer'): string =>
  row[kind].void === null ? spread(spreadOf(row[kind].rates)) : 'void';

/** gabor / peer. */
export function ratio(rows: readonly Row[], row: Row, kind: 'train' | 'infer'): Spread | null {
  const ours = rows.find(({ net, peer }) => net === row.net && peer === 'gabor');
  if (!ours || ours === row || ours[kind].void !== null || row[kind].void !== null) return null;
  return ratioOf(ours[kind].rates, row[kind].rates);
}

const HEAD = [
  'peer',
  'train, images/s',
  'gabor / peer',
  'inference, images/s',
  'gabor / peer',
  'first step cold',
  'warm',
  'memory',
];

/** The rows of one net as text, the head first. */
export function netTable(all: readonly Row[], net: string): string[][] {
  const rows = all.filter((row) => row.net === net);
  return [
    HEAD,
    ...rows.map((row) => [
      row.peer,
      work(row, 'train'),
      spread(ratio(rows, row, 'train'), 'x'),
      work(row, 'infer'),
      spread(ratio(rows, row, 'infer'), 'x'),
      spread(spreadOf(row.first.cold), ' s'),
      spread(spreadOf(row.first.warm), ' s'),
      row.memory === null ? NOTHING : `${number(row.memory / 1e6)} MB`,
    ]),
  ];
}

/** Why cells are void. */
export function notes(rows: readonly Row[], net: string): string[] {
  return rows
    .filter((row) => row.net === net)
    .flatMap(({ peer, train, infer, first }) => {
      const reasons = new Map<string, string[]>();
      for (const [what, { void: why }] of Object.entries({ training: train, inference: infer, 'first step': first }))
        if (why !== null) reasons.set(why, [...(reasons.get(why) ?? []), what]);
      return [...reasons].map(([why, what]) => `${peer}, ${what.join(' and ')}: ${why}`);
    });
}

const markdownTable = ([head = [], ...rows]: readonly (readonly string[])[]): string => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map((_, i) => (i === 0 ? '---|' : '--:|')).join('')}`, ...rows.map(line)].join('\n');
};

const METHOD =
  'Median of the rounds (least to greatest); ratios are taken round by round. Training: whole steps on resident data, SGD with ' +
  'momentum, float32; inference: images from the host, probabilities back. Peers take turns, each in a process of its own, and ' +
  'wait for the GPU in the same sparing way. A row is void where its losses or outputs are not those of the others.';

/** The report as it is kept in bench/results. */
export function markdown({ date, command, environment, nets, rows, quick }: Report): string {
  const facts = Object.entries(environment).map(([name, value]) => `- ${name}: ${value}`);
  const parts = Object.entries(nets).map(([net, text]) => {
    const remarks = notes(rows, net).map((note) => `- ${note}`);
    return [`## ${net}`, text, markdownTable(netTable(rows, net)), ...(remarks.length > 0 ? [remarks.join('\n')] : [])];
  });
  const warning = quick ? ['**Quick run: shows that it works, says nothing about speed.**'] : [];
  return `${[`# gabor against its peers, ${date}`, `\`${command}\``, ...warning, METHOD, facts.join('\n'), ...parts.flat()].join('\n\n')}\n`;
}
