/** Tag of the runs that a sweep has stopped for good. */
export const EARLY_TAG = 'stopped-early';

/** A sweep's name as the tag of its runs: without what tags do not have. */
export function tagOf(name: string): string {
  return name.replace(/[\s,#\0-\x1f]+/g, '-').slice(0, 40) || 'sweep';
}
