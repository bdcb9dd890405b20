// Checks the rows of any preference file, or writes a copy without some of them, off the main thread.
import { type Survey, surveyFile } from '../core/checks/survey.js';
import { type CleanedCopy, writeCleanedCopy } from '../core/checks/cleaned-copy.js';
import { serveTask } from '../core/worker-task.js';

/** `rows`: those that the copy is to be without. */
type Task = { readonly file: string; readonly rows?: Uint32Array };

void serveTask<Task, Survey | CleanedCopy>(async ({ file, rows }, work) => {
  return rows === undefined ? surveyFile(file, work) : writeCleanedCopy(file, rows);
});
