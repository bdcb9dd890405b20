import { WishboneError } from '../errors.js';
import { checkTraining, lossRow, lossesOf, type LossType, type TrainingOptions } from '../options/index.js';
import type { RunConfig } from '../run/index.js';

/** An option of a run that would be another. */
export interface OptionChange {
  /** As run configs name it. */
  readonly option: keyof TrainingOptions;
  readonly before: unknown;
  readonly after: unknown;
}

export const REMEDY_NAMES = ['sft', 'apo_zero', 'nca_pair', 'ld_alpha', 'sigmoid_norm', 'sft_steps', 'beta', 'learning_rate'] as const;
export type RemedyName = (typeof REMEDY_NAMES)[number];

/** Something that helps, as the literature has it, and what it would change in a run's config. */
export interface Remedy {
  readonly name: RemedyName;
  readonly label: string;
  /** What it does, and what it costs. */
  readonly why: string;
  /** Where that is from. */
  readonly source: string;
  /** None where there is nothing to change; `problem` says why. */
  readonly changes: readonly OptionChange[];
  /** Why this run cannot have it; empty where it can. */
  readonly problem: string;
}

type Change = Partial<TrainingOptions>;
interface Rule {
  readonly label: string;
  readonly why: string;
  readonly source: string;
  /** @returns what would be other, or why nothing can be */
  readonly change: (training: TrainingOptions, steps: number) => Change | string;
}

/** Weight of the likelihood in RPO, which works with it. */
const SFT_WEIGHT = 1;
const LD_ALPHA = 0.5;
/** Of all steps, those that are supervised at first. */
const SFT_SHARE = 0.1;

const RULES: Readonly<Record<RemedyName, Rule>> = {
  sft: {
    label: 'Add the likelihood of chosen responses to the loss',
    why: 'keeps chosen responses likely while the preference is learned; DPOP, which Wishbone does not have, adds a term with the same aim. Too high a weight learns to imitate, not to prefer',
    source: 'RPO, arXiv 2404.19733; 2405.16436',
    change: (training) => {
      const losses = lossesOf(training.loss_type);
      if (losses.some((loss) => loss === 'orpo' || loss === 'cpo')) return 'the loss has this likelihood already';
      const weights = weightsOf(training);
      const at = losses.indexOf('sft');
      if (at < 0) return { loss_type: [...losses, 'sft'], loss_weights: [...weights, SFT_WEIGHT] };
      if (losses.length === 1) return 'the run trains on the likelihood alone';
      return { loss_weights: weights.map((weight, i) => (i === at ? 2 * weight : weight)) };
    },
  },
  apo_zero: {
    label: 'Use the loss apo_zero',
    why: 'makes chosen responses more likely and rejected ones less, where sigmoid only asks for a difference; for chosen responses that are better than what the model writes',
    source: 'APO, arXiv 2408.06266',
    change: (training) => otherLoss(training, 'apo_zero'),
  },
  nca_pair: {
    label: 'Use the loss nca_pair',
    why: 'judges each response by itself, so that a margin cannot come from making both less likely',
    source: 'NCA, arXiv 2402.05369',
    change: (training) => otherLoss(training, 'nca_pair'),
  },
  ld_alpha: {
    label: 'Count tokens beyond the shorter response less',
    why: 'the sum over a long response outweighs what it says; LD-DPO takes a part of it away. 0.5 is in the middle: try others',
    source: 'LD-DPO, arXiv 2409.06411',
    change: ({ ld_alpha }) => (ld_alpha <= LD_ALPHA ? `ld_alpha is ${ld_alpha} already` : { ld_alpha: LD_ALPHA }),
  },
  sigmoid_norm: {
    label: 'Compare means over tokens (sigmoid_norm)',
    why: 'a response counts the same however long it is; margins are per token then, so published runs use a beta of 5 or so',
    source: 'Tülu 3, arXiv 2411.15124; SimPO, 2405.14734',
    change: (training) => {
      const other = otherLoss(training, 'sigmoid_norm');
      return typeof other === 'string' ? other : { ...other, beta: 5 };
    },
  },
  sft_steps: {
    label: 'Train on chosen responses first',
    why: 'responses that the model would hardly write are learned before they are compared; what is learned is the reference then',
    source: 'DPO, arXiv 2305.18290, section 4; 2404.10719',
    change: ({ sft_steps }, steps) => {
      if (sft_steps > 0) return `sft_steps is ${sft_steps} already`;
      const first = Math.round(steps * SFT_SHARE);
      return first < 1 ? 'the run has too few steps' : { sft_steps: first };
    },
  },
  beta: {
    label: 'Keep closer to the reference (beta)',
    why: 'the loss is content with a smaller change; preferences are learned less sharply',
    source: 'arXiv 2406.02900',
    change: (training) =>
      lossesOf(training.loss_type).some((loss) => lossRow(loss)?.reference === true)
        ? { beta: rounded(2 * training.beta) }
        : 'the loss has no reference to keep close to',
  },
  learning_rate: {
    label: 'Halve the learning rate',
    why: 'all changes get smaller, those that nobody asked for too',
    source: 'docs/methods.md, “Learning rate”',
    change: ({ learning_rate }) => ({ learning_rate: rounded(learning_rate / 2) }),
  },
};

/**
 * What could be changed in a run, and to what.
 *
 * @param steps that the run has
 */
export function remedyOf(name: RemedyName, config: Pick<RunConfig, 'training' | 'eval_dataset'>, steps: number): Remedy {
  const { label, why, source, change } = RULES[name];
  const { training } = config;
  const found = change(training, steps);
  const base = { name, label, why, source };
  if (typeof found === 'string') return { ...base, changes: [], problem: found };
  const options = Object.keys(found) as (keyof TrainingOptions)[];
  const changes = options
    .map((option) => ({ option, before: training[option], after: found[option] }))
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
  return { ...base, changes, problem: conflictOf({ ...training, ...found }, config.eval_dataset !== undefined) };
}

/** A run's settings with a remedy. @throws WishboneError when the run cannot have it */
export function withRemedy(name: RemedyName, config: RunConfig, steps: number): RunConfig {
  const { changes, problem } = remedyOf(name, config, steps);
  if (problem !== '') throw new WishboneError(`this run cannot be changed so: ${problem}`, name, 'choose another change');
  const other = Object.fromEntries(changes.map(({ option, after }) => [option, after]));
  return { ...config, training: { ...config.training, ...other } };
}

function conflictOf(training: TrainingOptions, evaluates: boolean): string {
  try {
    checkTraining(training, evaluates);
    return '';
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return `${error.what}: ${error.advice}`;
  }
}

/** Another loss in place of the one that compares with a reference. */
function otherLoss(training: TrainingOptions, other: LossType): Change | string {
  const losses = lossesOf(training.loss_type);
  if (losses.includes(other)) return `the loss is ${other} already`;
  const compared = losses.filter((loss) => lossRow(loss)?.reference === true);
  if (compared.length !== 1) {
    return compared.length === 0 ? 'the loss compares with no reference' : 'the run has several losses that compare with a reference';
  }
  const all = losses.map((loss) => (loss === compared[0] ? other : loss));
  return { loss_type: all.length === 1 ? all[0]! : all };
}

function weightsOf({ loss_type, loss_weights }: TrainingOptions): readonly number[] {
  return loss_weights.length > 0 ? loss_weights : lossesOf(loss_type).map(() => 1);
}

/** Without what binary numbers add. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
