import type { BestMetric, EvalMetricName } from '../../metrics.js';
import { readEventEnds } from '../events/event-ends.js';
import { RunHistory } from '../history/history.js';

/** A run's evaluations so far: a metric by step, NaN where it is no number. */
export async function evaluationsOf(folder: string, metric: BestMetric): Promise<ReadonlyMap<number, number>> {
  const history = new RunHistory();
  for (const event of await readEventEnds(folder, { evals: true, brief: true })) history.add(event);
  const name = metric.slice('eval_'.length) as EvalMetricName;
  return new Map(history.evals.map((row) => [row.step, row[name]]));
}
