// Checks the rows of any preference file, and writes copies without some of them.
import { writeCleanedCopy } from '../core/checks/cleaned-copy.js';
import { checkDataset } from '../core/checks/dataset-check.js';
import { serveTasks } from '../core/tasks.js';

serveTasks({
  // No other files: a copy is made of what is wrong in this one.
  check: (file, work) => checkDataset({ path: file }, { maxLength: Infinity, evalFiles: [], ...work }),
  clean: ({ file, rows }) => writeCleanedCopy(file, rows),
});
