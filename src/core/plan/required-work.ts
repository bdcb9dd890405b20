import type { BinWork } from '../model/flops.js';
import type { PlanArrays } from './plan.js';

/**
 * What a bin's log-probabilities take: its rows that targets read and those that such a row sees. The runner leaves the
 * others out: of each response that no other one goes on from, the last token, which is scored and never read.
 */
export function requiredWork(plan: PlanArrays, bin: number): BinWork {
  const [begin, end] = [plan.binStart[bin] as number, plan.binStart[bin + 1] as number];
  const computed = new Uint8Array(end - begin);
  let readRows = 0;
  for (let target = plan.targetStart[bin] as number; target < (plan.targetStart[bin + 1] as number); target++) {
    const row = plan.targetRow[target] as number;
    if (computed[row] === 0) readRows++;
    computed[row] = 1;
  }
  // A row's depth is what it sees, itself apart. What sees it lies before `visibleUntil`: the next computed row is enough to know.
  const depths: number[] = [];
  let visiblePairs = 0;
  for (let row = end - begin - 1, next = end - begin; row >= 0; row--) {
    if (computed[row] === 0 && next >= (plan.visibleUntil[begin + row] as number)) continue;
    next = row;
    const depth = plan.position[begin + row] as number;
    depths.push(depth);
    visiblePairs += depth + 1;
  }
  const pairsWithin = (window: number): number => depths.reduce((pairs, depth) => pairs + Math.min(depth + 1, window), 0);
  return { tokens: depths.length, visiblePairs, pairsWithin, readRows };
}
