// Reads the beginning of files that editors do not show as text.
import { firstRows } from '../core/dataset/first-rows.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({ firstRows: (file, work) => firstRows(file, work) });
