import type { Headline } from '../history/index.js';
import { configDifferences, type RunConfig } from '../run/index.js';
import { type MeanInterval, meanInterval } from '../statistics/index.js';
import { COMPARED_METRICS, type ComparedMetric } from './compare.js';

/** A run with what it is judged by. */
export interface JudgedRun {
  readonly config: RunConfig;
  readonly figures: Headline | undefined;
}

/** Runs that differ in nothing but their seed, by their places, and their figures taken together. */
export interface SeedGroup {
  readonly runs: readonly number[];
  readonly figures: Readonly<Record<ComparedMetric, MeanInterval | undefined>>;
}

/** Settings that do not change what is trained, beside the seed. */
const NO_DIFFERENCE = /^(plan\.seed$|runner\.)/;

/** Runs in groups that differ by their seed alone, in the order of their first; most are alone. */
export function seedGroups(runs: readonly JudgedRun[]): SeedGroup[] {
  const groups: number[][] = [];
  runs.forEach(({ config }, place) => {
    const same = groups.find(([first]) =>
      configDifferences([runs[first!]!.config, config]).every(({ setting }) => NO_DIFFERENCE.test(setting)),
    );
    if (same === undefined) groups.push([place]);
    else same.push(place);
  });
  return groups.map((places) => {
    const of = (metric: ComparedMetric): MeanInterval | undefined =>
      meanInterval(places.flatMap((place) => runs[place]!.figures?.[metric] ?? []));
    return { runs: places, figures: Object.fromEntries(COMPARED_METRICS.map((name) => [name, of(name)])) as SeedGroup['figures'] };
  });
}
