import { type CheckName, CHECK_SEVERITIES, type ProblemCounts, type Severity } from './types.js';

/** How many problems of each severity: all entries of the Problems view are one of these. */
export type SeverityCounts = Readonly<Record<Severity, number>>;

/** Every place that says how many problems a file has counts them here. */
export function bySeverity(counts: ProblemCounts): SeverityCounts {
  const sums = { error: 0, warning: 0, information: 0 };
  for (const [check, count] of Object.entries(counts) as [CheckName, number][]) sums[CHECK_SEVERITIES[check]] += count;
  return sums;
}

const NOUNS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', information: 'note' };

/** "2 errors, 1 warning, 3 notes"; "no problems" for none. */
export function countsText(counts: ProblemCounts): string {
  const sums = bySeverity(counts);
  const parts = (['error', 'warning', 'information'] as const)
    .filter((severity) => sums[severity] > 0)
    .map((severity) => `${sums[severity].toLocaleString('en-US')} ${NOUNS[severity]}${sums[severity] === 1 ? '' : 's'}`);
  return parts.length === 0 ? 'no problems' : parts.join(', ');
}

/** The same number of each check, summed. */
export function addCounts(all: readonly ProblemCounts[]): ProblemCounts {
  const sums: Partial<Record<CheckName, number>> = {};
  for (const counts of all) {
    for (const [check, count] of Object.entries(counts) as [CheckName, number][]) sums[check] = (sums[check] ?? 0) + count;
  }
  return sums;
}
