// Lists what became of the pairs of runs, and says whether runs are really better than one another.
import { lineOfRow } from '../core/dataset/index.js';
import { compareRuns, listPairs, readPairCurve, verdictsOf } from '../core/pairs/index.js';
import { listRun } from '../core/run/index.js';
import { serveTasks } from '../core/tasks/index.js';

serveTasks({
  pairs: (request) => listPairs(request),
  pairCurve: (request) => readPairCurve(request),
  lineOfRow: async ({ file, row }) => (await lineOfRow(file, row)) ?? null,
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
