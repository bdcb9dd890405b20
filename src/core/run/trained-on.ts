import type { DatasetReference, RunConfig } from './config.js';

/** SHA-256 of each file of a dataset. */
function hashesOf({ files, sha256 }: DatasetReference): readonly string[] {
  return files?.map((file) => file.sha256) ?? [sha256];
}

/** Whether a run trains on a file of this content. */
export function isTrainedOn({ dataset }: RunConfig, sha256: string): boolean {
  return dataset.sha256 === sha256 || hashesOf(dataset).includes(sha256);
}

/** Whether a run evaluates on a file that it trains on, and not on pairs of it that are held out. */
export function evaluatesTrained(config: RunConfig): boolean {
  const { eval_dataset: evaluation, plan } = config;
  if (evaluation === undefined || (plan.eval_fraction ?? 0) > 0) return false;
  return hashesOf(evaluation).some((sha256) => isTrainedOn(config, sha256));
}
