import type { ConfigFile, HalvingBlock, RunOptions } from '../config-file/index.js';
import { WishboneError } from '../errors.js';
import { halvingOf, rungStep } from './rungs.js';
import { SEED, settingOf, type Trial } from './trial.js';

/** Options that decide which pairs are evaluated, and which of their tokens. */
const OF_PAIRS = [
  'plan.eval_fraction',
  ...['format', 'pairing', 'min_margin', 'columns', 'chat_template', 'on_bad_row', 'max_length', 'max_prompt_length'].map(
    (name) => `plan.${name}`,
  ),
];
/** Options that the scale of rewards depends on. */
const OF_REWARDS = ['loss_type', 'loss_weights', 'beta', 'ld_alpha', 'reference', 'sync_ref_model', 'adapter_reference'].map(
  (name) => `training.${name}`,
);
/** Options that losses of the same model differ by. */
const OF_LOSS = [
  ...OF_REWARDS,
  ...[
    ...['label_smoothing', 'f_divergence_type', 'f_alpha_divergence_coef', 'use_weighting', 'discopop_tau', 'simpo_gamma', 'cpo_alpha'],
    ...['ref_model_mixup_alpha', 'ref_model_sync_steps'],
  ].map((name) => `training.${name}`),
];
const INCOMPARABLE = {
  eval_loss: OF_LOSS,
  'eval_rewards/chosen': OF_REWARDS,
  'eval_rewards/margins': OF_REWARDS,
  'eval_rewards/accuracies': [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/**
 * Whether the runs of a sweep can be compared while they train.
 *
 * @throws WishboneError when they are not evaluated at every rung, not on the same pairs, or their figures mean different things
 */
export function checkHalving(
  config: Pick<ConfigFile, 'where' | 'evalDataset'>,
  block: HalvingBlock,
  trials: readonly Trial[],
  optionsOf: (options: Trial['options']) => RunOptions,
): void {
  const { where } = config;
  const at = where('sweep.halving');
  const halving = halvingOf(block);
  if ((block.rungs === undefined) === (block.min_steps === undefined)) {
    const what = block.rungs === undefined ? 'it is not said when runs are compared' : 'a sweep has either "rungs" or "min_steps"';
    throw new WishboneError(what, at, 'give "min_steps", the steps before the first comparison, or all of them as "rungs"');
  }
  if (block.rungs !== undefined && (block.rungs.length === 0 || block.rungs.some((step, i) => i > 0 && step <= block.rungs![i - 1]!))) {
    throw new WishboneError('rungs are steps, each later than the one before', where('sweep.halving.rungs'), 'such as [100, 300]');
  }
  const varied = [...new Set(trials.flatMap(({ options }) => Object.keys(options)))];
  const refuse = (what: string, advice: string, field = at): never => {
    throw new WishboneError(what, field, advice);
  };
  const rungs = Array.from({ length: block.rungs?.length ?? 1 }, (_, k) => rungStep(halving, k)!);
  for (const { name, options } of trials) {
    const { plan, training } = optionsOf(options);
    const run = name === '' ? '' : ` (in the run ${name})`;
    if (config.evalDataset === undefined && plan.eval_fraction === 0) {
      refuse(`stopping runs early needs data to evaluate on${run}`, 'give eval_dataset or plan.eval_fraction, or leave "halving" out');
    }
    // Data to evaluate on needs eval_steps: that was checked.
    const missed = rungs.find((step) => step % training.eval_steps !== 0);
    if (missed !== undefined) {
      const advice = `make it a multiple of training.eval_steps, which is ${training.eval_steps}`;
      refuse(`nothing is evaluated after step ${missed}, a rung${run}`, advice);
    }
    if (rungs[0]! <= training.sft_steps) {
      refuse(`the first rung, step ${rungs[0]}, comes before preference training${run}`, `begin after step ${training.sft_steps}`);
    }
    if (training.early_stopping_patience > 0) {
      refuse(
        `"halving" and training.early_stopping_patience both stop runs early${run}: one that has ended cannot be compared at the next rung`,
        'leave one of them out',
      );
    }
  }
  const other = OF_PAIRS.find((option) => varied.includes(option));
  if (other !== undefined) {
    refuse(`runs that differ in ${other} are not evaluated on the same pairs, so they cannot be compared early`, 'leave "halving" out');
  }
  const told = INCOMPARABLE[halving.metric].find((option) => varied.includes(option));
  if (told !== undefined) {
    const what = `the metric ${halving.metric} means something else where ${told} is another, so runs cannot be compared by it early`;
    refuse(what, 'use "metric": "eval_rewards/accuracies", or leave "halving" out');
  }
  if (config.evalDataset === undefined && !haveSameSeeds(trials)) {
    const what = `${SEED} decides which pairs are held out, and settings have different seeds: they cannot be compared early`;
    refuse(what, 'give each setting the same "seeds", or use eval_dataset');
  }
}

function haveSameSeeds(trials: readonly Trial[]): boolean {
  const seeds = new Map<string, string[]>();
  for (const trial of trials) {
    const setting = settingOf(trial);
    seeds.set(setting, [...(seeds.get(setting) ?? []), JSON.stringify(trial.options[SEED] ?? null)]);
  }
  return new Set([...seeds.values()].map((list) => list.sort().join())).size <= 1;
}
