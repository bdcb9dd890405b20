// Checks the rows of any preference file, or writes a copy without some of them, off the main thread.
import { checkDataset, type DatasetCheck } from '../core/checks/dataset-check.js';
import { type CleanedCopy, writeCleanedCopy } from '../core/checks/cleaned-copy.js';
import { serveTask } from '../core/worker-task.js';

/** `rows`: those that the copy is to be without. */
type Task = { readonly file: string; readonly rows?: Uint32Array };

void serveTask<Task, DatasetCheck | CleanedCopy>(async ({ file, rows }, work) => {
  // No other files: a copy is made of what is wrong in this one.
  const options = { maxLength: Infinity, evalFiles: [], ...work };
  return rows === undefined ? checkDataset({ path: file }, options) : writeCleanedCopy(file, rows);
});
