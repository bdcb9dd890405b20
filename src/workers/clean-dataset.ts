// Checks the rows of any preference file, and writes copies without some of them.
import { writeCleanedCopy } from '../core/checks/cleaned-copy.js';
import { checkDataset } from '../core/checks/dataset-check.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({
  check: ({ file, options }, work) => checkDataset({ path: file }, { ...options, ...work }),
  clean: ({ file, rows }) => writeCleanedCopy(file, rows),
});
