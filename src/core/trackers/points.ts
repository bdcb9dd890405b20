import type { EvalEvent, StepEvent } from '../events/events.js';
import { EVAL_METRICS, SOURCE_METRICS, STEP_METRICS } from '../../metrics.js';

/** The numbers of a step or an evaluation. What is not finite is null. */
export interface Point {
  readonly seq: number;
  readonly step: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly values: Readonly<Record<string, number | null>>;
}

/** Names as transformers' Trainer logs them: `loss`, `eval_loss`; of a source `sources/<name>/loss`, `eval_sources/<name>/loss`. */
export function pointOf(event: StepEvent | EvalEvent): Point {
  const { seq, step, time, type, sources } = event;
  const [names, prefix] = type === 'step' ? [STEP_METRICS, ''] : [EVAL_METRICS, 'eval_'];
  const fields = event as unknown as Readonly<Record<string, number | null | undefined>>;
  const own = [...names.map((name) => prefix + name), ...(type === 'eval' ? ['pairs', 'seconds'] : [])].flatMap((name) => {
    const value = fields[name];
    // An evaluation's `pairs` and `seconds` would be taken for a step's.
    return value === undefined ? [] : [[name.startsWith(prefix) ? name : prefix + name, value] as const];
  });
  const ofSources = Object.entries(sources ?? {}).flatMap(([source, metrics]) =>
    SOURCE_METRICS.map((name) => [`${prefix}sources/${source}/${name}`, metrics[name]] as const),
  );
  return { seq, step, time, values: Object.fromEntries([...own, ...ofSources]) };
}

/** The same with names as transformers has them in TensorBoard, Trackio and W&B: `train/loss`, `eval/loss`. */
export function rewritten({ step, values }: Point): Record<string, number | null> {
  const entries = Object.entries(values).map(([name, value]) => [
    name.startsWith('eval_') ? `eval/${name.slice('eval_'.length)}` : `train/${name}`,
    value,
  ]);
  return { ...(Object.fromEntries(entries) as Record<string, number | null>), 'train/global_step': step };
}
