import { ExitCode, WishboneError } from '../errors.js';
import { obtainPlan } from './obtain-plan.js';
import type { PlanSummary } from './summary.js';
import type { WorkOptions } from '../work/progress.js';
import type { DatasetRequest } from '../tokenise/index.js';

/**
 * Plans a dataset, and writes the plans that files are named for.
 *
 * @throws WishboneError for bad input, or when a file cannot be written
 */
export async function writePlanned(
  task: { readonly request: DatasetRequest; readonly out?: string | undefined; readonly evalOut?: string | undefined },
  work: WorkOptions,
): Promise<PlanSummary> {
  const { request, out, evalOut } = task;
  const planned = await obtainPlan(request, work, { files: (out ?? evalOut) !== undefined });
  if (evalOut !== undefined && planned.summary.evalPairs === 0) {
    throw new WishboneError(
      'no pairs are held out, so there is no plan for evaluation',
      'the command line',
      'add --eval-fraction or --eval-dataset, or remove --eval-out',
      ExitCode.usage,
    );
  }
  work.onProgress?.({ phase: 'write', done: 0, total: 0 });
  if (out !== undefined) await planned.write(out);
  if (evalOut !== undefined) await planned.writeEval(evalOut);
  return planned.summary;
}
