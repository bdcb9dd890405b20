/** One run of a sweep. */
export interface Trial {
  /** What it differs in, such as `beta=0.1 seed=2`; no two of a sweep have the same. */
  readonly name: string;
  /** Options by path. */
  readonly options: Readonly<Record<string, unknown>>;
}

export const SEED = 'plan.seed';

/** What tells a trial's setting from others: runs that differ in nothing but their seed have the same. */
export function settingOf({ options }: Trial): string {
  const entries = Object.entries(options).filter(([path]) => path !== SEED);
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
