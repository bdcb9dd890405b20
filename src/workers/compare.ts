// Says whether runs are really better than one another, from what was recorded of their pairs.
import { compareRuns, verdictsOf } from '../core/pairs/index.js';
import { listRun } from '../core/run/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({
  compare: async (folders) => {
    const runs = (await Promise.all(folders.map((folder) => listRun(folder)))).map((run) => {
      if (run.problem !== undefined) throw run.problem;
      return run;
    });
    return verdictsOf(
      await compareRuns(runs),
      runs.map(({ config }) => config.name),
    );
  },
});
