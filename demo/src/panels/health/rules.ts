/** What the numbers say: from the last looks to sentences. Pure; imports types, format. */
import type { Config } from '../../engine/config.ts';
import { percent, short } from '../../ui/format.ts';
import { factor, listed, middle, rateBy } from './numbers.ts';
import type { Look, Stage, StageLook } from './protocol.ts';

export interface Finding {
  readonly kind:
    | 'overflow'
    | 'twins'
    | 'vanishing'
    | 'exploding'
    | 'dead'
    | 'saturated'
    | 'large steps'
    | 'small steps'
    | 'well';
  readonly tone: 'good' | 'bad';
  readonly title: string;
  /** What is seen. */
  readonly seen: string;
  /** What to try. */
  readonly advice: string;
}

export interface Patient {
  readonly config: Pick<Config, 'activation' | 'init' | 'lr'>;
  readonly stages: readonly Stage[];
  /** The newest last. */
  readonly looks: readonly Look[];
  /** Of the last batches; null before there are any. */
  readonly loss: number | null;
  readonly accuracy: number | null;
}

/** Where a finding begins. */
export const LIMITS = {
  /** Gradient norm of the first layer with weights as a share of the last one's. */
  vanishing: 1e-3,
  /** Gradient norm of a layer's weights. */
  exploding: 100,
  /** Share of a layer's units that stay dead. */
  dead: 0.25,
  /** Share of a layer's outputs. */
  saturated: 0.4,
  /** Update ratio in the middle of all layers. */
  largeSteps: 3e-2,
  smallSteps: 3e-5,
  /** Who reads this much correctly needs no larger steps. */
  learnt: 0.95,
} as const;

/** Looks that a number is the middle of, so that one odd batch changes no sentence. */
const STEADY = 5;

/** A stage's numbers as they were lately. */
interface Steady extends Pick<Stage, 'name' | 'type'> {
  readonly gradientNorm: number;
  readonly updateRatio: number;
  readonly weightNorm: number;
  readonly nonFinite: number;
  readonly dead: number | null;
  readonly saturated: number | null;
  readonly distinct: StageLook['distinct'];
}

/** The middle of the last looks; but what is no number now is none. */
function steadied({ stages, looks }: Pick<Patient, 'stages' | 'looks'>): Steady[] {
  const last = looks.slice(-STEADY);
  return stages.map(({ name, type }, i) => {
    const all = last.map((look) => look.stages[i]!);
    const now = all.at(-1)!;
    const of = (pick: (stage: StageLook) => number): number =>
      Number.isFinite(pick(now)) ? middle(all.map(pick).filter(Number.isFinite)) : pick(now);
    return {
      name,
      type,
      gradientNorm: of((stage) => stage.gradientNorm),
      updateRatio: of((stage) => stage.updateRatio),
      weightNorm: now.weightNorm,
      nonFinite: now.nonFinite,
      dead: now.dead && of((stage) => stage.dead?.lasting ?? 0),
      saturated: now.saturated === null ? null : of((stage) => stage.saturated ?? 0),
      distinct: looks.map((look) => look.stages[i]!.distinct).findLast((found) => found !== null) ?? null,
    };
  });
}

type Rule = (steady: readonly Steady[], patient: Patient) => Finding | null;

/** Layers with many units that are so: the worst, then the others in their order. */
function hurtBy(what: 'dead' | 'saturated', steady: readonly Steady[]): Steady[] {
  const hurt = steady.filter((s) => (s[what] ?? 0) >= LIMITS[what]);
  if (hurt.length === 0) return [];
  const worst = hurt.reduce((most, s) => (s[what]! > most[what]! ? s : most));
  return [worst, ...hurt.filter((s) => s !== worst)];
}

const overflow: Rule = (steady, { config, loss }) => {
  const broken = steady.find((s) => s.nonFinite > 0 || !Number.isFinite(s.weightNorm));
  if (!broken && (loss === null || Number.isFinite(loss))) return null;
  return {
    kind: 'overflow',
    tone: 'bad',
    title: 'The numbers have overflowed',
    seen: `${broken ? `${broken.name} no longer gives numbers` : 'The loss is no longer a number'}: weights and losses are infinite or NaN, and stay so.`,
    advice: `Start again with a learning rate of ${rateBy(0.1, config.lr)} or less.`,
  };
};

const twins: Rule = (steady, { config }) => {
  const hidden = steady.slice(0, -1).filter(({ distinct }) => distinct && distinct.units > 1);
  const alike = hidden.filter(({ distinct }) => distinct!.count <= distinct!.units / 2);
  if (alike.length === 0) return null;
  const stuck = alike.every(({ gradientNorm }) => gradientNorm === 0);
  const { name, distinct } = alike[0]!;
  const same =
    distinct!.count === 1
      ? `All ${distinct!.units} units of ${name} are the same unit`
      : `The ${distinct!.units} units of ${name} are only ${distinct!.count} different ones`;
  return {
    kind: 'twins',
    tone: 'bad',
    title: 'Units are copies of each other',
    seen: `${same}: they began alike, get the same gradient${stuck ? ', here zero,' : ''} and stay alike.`,
    advice: `Choose random first weights${config.init === 'zeros' ? ', for example Kaiming' : ''}: they make units differ, and then each learns something else.`,
  };
};

const vanishing: Rule = (steady, { config }) => {
  const [first, last] = [steady[0]!, steady.at(-1)!];
  if (steady.length < 3 || !(last.gradientNorm > 0) || hurtBy('dead', steady).length > 0) return null;
  const share = first.gradientNorm / last.gradientNorm;
  if (!(share < LIMITS.vanishing)) return null;
  const each = share > 0 ? share ** (-1 / (steady.length - 1)) : Infinity;
  const squashes = config.activation === 'sigmoid' || config.activation === 'tanh';
  return {
    kind: 'vanishing',
    tone: 'bad',
    title: 'The gradient vanishes',
    seen:
      share > 0
        ? `From ${last.name} back to ${first.name} it becomes ${factor(1 / share)} times smaller, about ${factor(each)} times in each layer. The first layers hardly move.`
        : `Nothing of it arrives at ${first.name}.`,
    advice: squashes
      ? `${config.activation === 'sigmoid' ? "Sigmoid's slope is 1/4 at most" : "Tanh's slope is below 1 but at zero"}, and slopes multiply. Choose ReLU with Kaiming first weights, or fewer layers.`
      : 'Choose Kaiming first weights, which keep its size from layer to layer, or add batch norm.',
  };
};

const exploding: Rule = (steady, { config }) => {
  const worst = steady.reduce((most, s) => (s.gradientNorm > most.gradientNorm ? s : most));
  if (!(worst.gradientNorm > LIMITS.exploding)) return null;
  return {
    kind: 'exploding',
    tone: 'bad',
    title: 'The gradient explodes',
    seen: `Its norm is ${short(worst.gradientNorm)} at ${worst.name}; usual is about 1.`,
    advice: `Lower the learning rate to ${rateBy(0.1, config.lr)}, choose smaller first weights (Kaiming), or add batch norm.`,
  };
};

const dead: Rule = (steady, { config }) => {
  const [worst, ...others] = hurtBy('dead', steady);
  if (!worst) return null;
  return {
    kind: 'dead',
    tone: 'bad',
    title: 'ReLU units die',
    seen: `${percent(worst.dead!, 0)} of the units of ${worst.name} were zero for every image of the last ten looks${others.length > 0 ? `, and many of ${listed(others.map(({ name }) => name))}` : ''}. Where a unit is zero its gradient is zero too, so few come back.`,
    advice: `Start again with a learning rate of ${rateBy(0.1, config.lr)}, or choose Leaky ReLU, whose gradient is never zero.`,
  };
};

const saturated: Rule = (steady, { config }) => {
  const [worst] = hurtBy('saturated', steady);
  if (!worst) return null;
  return {
    kind: 'saturated',
    tone: 'bad',
    title: 'Units are saturated',
    seen: `${percent(worst.saturated!, 0)} of the outputs of ${worst.name} are at ${config.activation}'s flat ends, where its slope, and with it the gradient, is almost zero.`,
    advice: `Choose smaller first weights (Xavier), a learning rate of ${rateBy(0.1, config.lr)}, or ReLU.`,
  };
};

const largeSteps: Rule = (steady, { config }) => {
  const ratio = middle(steady.map(({ updateRatio }) => updateRatio));
  if (!(ratio > LIMITS.largeSteps && Number.isFinite(ratio))) return null;
  return {
    kind: 'large steps',
    tone: 'bad',
    title: 'The steps are large',
    seen: `Each one changes the weights by about ${percent(ratio, ratio < 0.1 ? 1 : 0)} of their size; 0.1 % is usual.`,
    advice: `Try a learning rate of ${rateBy(0.1, config.lr)}.`,
  };
};

const smallSteps: Rule = (steady, { config, accuracy }) => {
  const ratio = middle(steady.map(({ updateRatio }) => updateRatio));
  if (!(ratio < LIMITS.smallSteps) || (accuracy ?? 0) >= LIMITS.learnt) return null;
  return {
    kind: 'small steps',
    tone: 'bad',
    title: 'The steps are small',
    seen: `Each one changes the weights by about ${percent(ratio, 4)} of their size; 0.1 % is usual.`,
    advice: `Try a learning rate of ${rateBy(10, config.lr)}.`,
  };
};

function well(steady: readonly Steady[]): Finding {
  const norms = steady.map(({ gradientNorm }) => gradientNorm).filter((norm) => norm > 0);
  const apart = norms.length > 0 ? Math.max(...norms) / Math.min(...norms) : 1;
  const ratio = middle(steady.map(({ updateRatio }) => updateRatio));
  const most = Math.max(0, ...steady.map((s) => s.dead ?? 0));
  const dying =
    most < 0.005 ? ', and no unit is dead' : `, and at most ${percent(most, 0)} of a layer's units are dead`;
  const units = steady.some((s) => s.dead !== null) ? dying : '';
  return {
    kind: 'well',
    tone: 'good',
    title: 'All is well',
    seen: `Gradient norms lie within a factor of ${factor(apart)}, steps are about ${percent(ratio, 2)} of the weights${units}.`,
    advice: 'Make it ill: try one of the cases above.',
  };
}

/** The finding that explains another one makes it needless. */
const EXPLAINS: { readonly [kind in Finding['kind']]?: readonly Finding['kind'][] } = {
  overflow: ['twins', 'vanishing', 'exploding', 'dead', 'saturated', 'large steps', 'small steps'],
  twins: ['vanishing', 'dead', 'large steps', 'small steps'],
  vanishing: ['small steps'],
  exploding: ['large steps'],
  dead: ['small steps'],
};

/** What is seen and what to try, the worst first; empty before the first look. */
export function diagnose(patient: Patient): Finding[] {
  if (patient.looks.length === 0 || patient.stages.length === 0) return [];
  const steady = steadied(patient);
  const found = [overflow, twins, vanishing, exploding, dead, saturated, largeSteps, smallSteps].flatMap(
    (rule) => rule(steady, patient) ?? [],
  );
  const explained = new Set(found.flatMap(({ kind }) => EXPLAINS[kind] ?? []));
  const left = found.filter(({ kind }) => !explained.has(kind));
  return left.length > 0 ? left : [well(steady)];
}
