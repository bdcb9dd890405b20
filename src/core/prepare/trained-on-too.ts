import path from 'node:path';
import type { PlanSummary } from './summary.js';

/** Something about a file as a whole that is most likely a slip. */
export interface FileWarning {
  readonly file: string;
  readonly what: string;
  readonly advice: string;
}

/** Files that are evaluated on and have the very content of one that is trained on: what is measured is memory. */
export function trainedOnToo({ files, evalFiles }: Pick<PlanSummary, 'files' | 'evalFiles'>): FileWarning[] {
  const trained = new Map(files.map(({ sha256, path: file }) => [sha256, file]));
  return evalFiles.flatMap(({ sha256, path: file }) => {
    const same = trained.get(sha256);
    if (same === undefined) return [];
    const what =
      same === file
        ? `"${path.basename(file)}" is trained on and evaluated on`
        : `"${path.basename(file)}" is evaluated on and the same as "${path.basename(same)}", which is trained on`;
    const advice = 'evaluate on other pairs, or give no eval dataset and hold some out with eval_fraction';
    return [{ file, what: `${what}: the figures say what the model remembers`, advice }];
  });
}
