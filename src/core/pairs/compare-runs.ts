import { WishboneError } from '../errors.js';
import { configDifferences } from '../run/index.js';
import { comparePairs, type NotComparable, type PairedComparison } from './compare.js';
import { type EvaluatedPairs, readLatestEvaluation } from './evaluated.js';
import { type JudgedRun, type SeedGroup, seedGroups } from './seeds.js';

export interface ComparedRun extends JudgedRun {
  readonly folder: string;
}

/** What can be said of whether one run is better than another. */
export interface RunComparison {
  /** Each run but the first against the first, on the pairs that both evaluated last. */
  readonly paired: readonly (PairedComparison | NotComparable)[];
  /** Runs that differ by their seed alone, where there are any. */
  readonly seeds: readonly SeedGroup[];
}

/** Options that decide what the loss of a pair, or its margin, is measured in. */
const MEASURE =
  /^training\.(loss_type|loss_weights|beta|label_smoothing|f_divergence_type|f_alpha_divergence_coef|ld_alpha|use_weighting|discopop_tau|simpo_gamma|cpo_alpha|reference_model|adapter_name_or_path|adapter_reference|sft_steps|sync_ref_model|ref_model_)/;

/** @param runs two or more */
export async function compareRuns(runs: readonly ComparedRun[]): Promise<RunComparison> {
  const [first, ...others] = runs;
  if (first === undefined || others.length === 0) return { paired: [], seeds: [] };
  const own = await evaluationOf(first);
  const paired: (PairedComparison | NotComparable)[] = [];
  // One after another: each holds a plan.
  for (const run of others) {
    const settings = configDifferences([first.config, run.config]);
    const isSameMeasure = !settings.some(({ setting }) => MEASURE.test(setting) || setting === 'model.path');
    const names = [first.config.name, run.config.name] as const;
    const other = await evaluationOf(run);
    const damaged = [own, other].find((of): of is NotComparable => of !== undefined && 'problem' in of);
    paired.push(damaged ?? comparePairs(own as EvaluatedPairs | undefined, other as EvaluatedPairs | undefined, names, isSameMeasure));
  }
  return { paired, seeds: seedGroups(runs).filter((group) => group.runs.length > 1) };
}

/** Of a run whose record or plan is damaged, that: the others can still be compared. */
async function evaluationOf({ folder }: ComparedRun): Promise<EvaluatedPairs | NotComparable | undefined> {
  try {
    return await readLatestEvaluation(folder);
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { problem: `${error.what} (${error.where})` };
  }
}
