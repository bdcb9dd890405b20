/** A preference loss. The runner has a row for each too (native-runner/src/train/loss). */
export interface Loss {
  /** A line about it; docs/methods.md has the formulas. */
  readonly help: string;
  /** It compares with a reference. */
  readonly reference: boolean;
  readonly labelSmoothing: boolean;
  /** It has a form for every `f_divergence_type`. */
  readonly divergence: boolean;
  /** It goes with `use_weighting`. */
  readonly weighting: boolean;
  /** The learning rate that suits, over that of losses that only compare responses: it teaches the response itself. */
  readonly rate?: number;
}

/** In the runner's order. A loss is added here and there; a test holds the two together. */
export const LOSSES = {
  sigmoid: loss('DPO, arXiv 2305.18290', 'reference divergence weighting'),
  hinge: loss('SLiC and RSO: stops pushing at a margin of 1/beta, 2305.10425', 'reference divergence weighting'),
  ipo: loss('IPO: regression to a margin, per token, 2310.12036', 'reference divergence weighting'),
  exo_pair: loss('EXO: reverse KL to the preference, 2402.00856; needs label_smoothing', 'reference labelSmoothing divergence weighting'),
  nca_pair: loss('NCA: keeps chosen responses likely, 2402.05369', 'reference weighting'),
  robust: loss(
    'Robust DPO: unbiased when labels are flipped, 2403.00409; needs label_smoothing',
    'reference labelSmoothing divergence weighting',
  ),
  bco_pair: loss('BCO: judges chosen and rejected separately, 2404.04656', 'reference weighting'),
  sppo_hard: loss('SPPO: pushes rewards to plus and minus one half, 2405.00675', 'reference weighting'),
  aot: loss('AOT: stochastic dominance within each pair, sorted over the step, 2406.05882', 'reference labelSmoothing'),
  aot_unpaired: loss('AOT: the same for all chosen against all rejected', 'reference labelSmoothing'),
  apo_zero: loss('APO: makes chosen more likely and rejected less; for models worse than the data, 2408.06266', 'reference weighting'),
  apo_down: loss('APO: makes both less likely, rejected more so; for models better than the data', 'reference weighting'),
  discopop: loss('DiscoPOP: a loss found by search, 2406.08414', 'reference divergence weighting'),
  sft: loss('negative log-likelihood of the chosen responses; for sums with other losses', 'divergence', { rate: 20 }),
  sigmoid_norm: loss('DPO normalised by length, 2411.15124', 'reference divergence weighting'),
  simpo: loss('SimPO: mean log-probabilities with a margin, 2405.14734; no reference', 'labelSmoothing'),
  orpo: loss('ORPO: likelihood and odds ratio, 2403.07691; no reference', '', { rate: 10 }),
  cpo: loss('CPO: contrast and likelihood, 2401.08417; no reference', 'labelSmoothing'),
} as const satisfies Readonly<Record<string, Loss>>;

export type LossType = keyof typeof LOSSES;
export const LOSS_TYPES = Object.keys(LOSSES) as readonly LossType[];

type Trait = 'reference' | 'labelSmoothing' | 'divergence' | 'weighting';

/** @param traits those it has, with spaces between */
function loss(help: string, traits: string, more: { readonly rate?: number } = {}): Loss {
  const has = new Set(traits.split(' '));
  const of = (trait: Trait): boolean => has.has(trait);
  return {
    help,
    reference: of('reference'),
    labelSmoothing: of('labelSmoothing'),
    divergence: of('divergence'),
    weighting: of('weighting'),
    ...more,
  };
}

/** The losses of `loss_type`, which may be one. */
export function lossesOf(type: LossType | readonly LossType[]): readonly LossType[] {
  return [type].flat() as LossType[];
}

/** What is known of a loss; undefined for a name that is none, as a form may hold. */
export function lossRow(name: string): Loss | undefined {
  return Object.hasOwn(LOSSES, name) ? LOSSES[name as LossType] : undefined;
}

/** Whether any of these losses has a trait. */
export function anyLoss(losses: readonly string[], trait: Trait): boolean {
  return losses.some((name) => lossRow(name)?.[trait] === true);
}

/** The losses with a trait. */
export function lossesWith(trait: Trait): readonly LossType[] {
  return LOSS_TYPES.filter((name) => LOSSES[name][trait]);
}
