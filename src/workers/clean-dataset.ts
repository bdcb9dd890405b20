// Checks the rows of any preference file, and writes copies without some of them.
import { writeCleanedCopy } from '../core/checks/cleaned-copy.js';
import { checkDataset } from '../core/checks/dataset-check.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({
  // No other files: the copy depends on what is wrong in this one alone.
  check: (file, work) => checkDataset({ path: file }, { maxLength: Infinity, evalFiles: [], ...work }),
  clean: ({ file, rows }) => writeCleanedCopy(file, rows),
});
