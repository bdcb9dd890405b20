import { Worker } from 'node:worker_threads';

/** Names the process that started this one. */
export const PARENT_VARIABLE = 'WISHBONE_PARENT_PROCESS';

/** Milliseconds between two looks. */
const PERIOD = 500;

/**
 * Ends this process when the one that started it has gone, whatever it is doing: a thread of its own looks, for code that has no
 * end never hears that the connection was closed.
 */
export function endWithParent(env: NodeJS.ProcessEnv = process.env): void {
  // Not asked of the system here: the parent may have gone already.
  const parent = Number(env[PARENT_VARIABLE]) || process.ppid;
  const code = `
    const { workerData } = require('node:worker_threads');
    setInterval(() => {
      if (process.ppid !== workerData.parent) process.kill(process.pid, 'SIGKILL');
    }, workerData.period);`;
  // It has next to nothing in memory; options of this process are none of its own.
  new Worker(code, {
    eval: true,
    execArgv: [],
    workerData: { parent, period: PERIOD },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
  }).unref();
}
