import { createHash } from 'node:crypto';
import type { DescribedRun } from '../described.js';
import type { Point } from '../points.js';

/** A metric as `runs/log-batch` takes it. `value`: NaN is a text in JSON. */
export interface Metric {
  readonly key: string;
  readonly value: number | 'NaN';
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** Most of a request (MLflow's `utils/validation.py`): a request has at most 1,000 metrics and 100 parameters or tags, and 1 MB. */
const MOST_METRICS = 1000;
export const MOST_PAIRS = 100;
const MOST_BYTES = 900_000;
const LONGEST_KEY = 250;
/** Of parameters on servers before 2.10 too; newer ones take 6,000. */
const LONGEST_PARAMETER = 500;
/** Of tags, on older servers too. */
export const LONGEST_TAG = 5000;

/** The metrics of a step or an evaluation, by transformers' names. */
export function metricsOf({ values, step, time }: Point): Metric[] {
  const timestamp = Date.parse(time);
  return Object.entries(values).map(([name, value]) => ({ key: keyOf(name), value: value ?? 'NaN', timestamp, step }));
}

/** In requests that a server takes. */
export function metricBatches(metrics: readonly Metric[]): Metric[][] {
  const batches: Metric[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const metric of metrics) {
    const size = JSON.stringify(metric).length + 1;
    if (bytes + size > MOST_BYTES || (batches.at(-1)?.length ?? 0) >= MOST_METRICS) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(metric);
    bytes += size;
  }
  return batches;
}

/** Every option of a run. What is too long for one parameter goes on in `<name>.2` and so on: nothing is left out. */
export function parametersOf({ parameters }: DescribedRun): Pair[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    const text = String(value);
    const parts = Math.max(1, Math.ceil(text.length / LONGEST_PARAMETER));
    return Array.from({ length: parts }, (_, at) => ({
      key: keyOf(at === 0 ? name : `${name}.${at + 1}`),
      value: text.slice(at * LONGEST_PARAMETER, (at + 1) * LONGEST_PARAMETER),
    }));
  });
}

/**
 * A name that MLflow takes: letters, digits and `_-. :/`, and a path in its plainest form. One that has to be changed ends with a hash of
 * what it was, so that two never become the same.
 */
export function keyOf(name: string): string {
  const clean = name
    .replace(/[^0-9A-Za-z_\-. :/]/g, '_')
    .split('/')
    .map((part) => (part === '' || part === '.' || part === '..' ? '_' : part))
    .join('/');
  if (clean === name && name.length <= LONGEST_KEY) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${clean.slice(0, LONGEST_KEY - hash.length - 1)}_${hash}`;
}
