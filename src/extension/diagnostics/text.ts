import { type CheckReport, checkSeverities, type Problem } from '../../core/checks/index.js';
import { plural, sentence } from '../../format.js';

/** A problem as one line. */
export function problemText({ what, advice }: Pick<Problem, 'what' | 'advice'>): string {
  return `${sentence(what)}. ${sentence(advice)}.`;
}

/** The stable name of a check, as people find it in the Problems view. */
export function codeOf(check: Problem['check']): string {
  return `wishbone/${check}`;
}

/** The section about a check, in the repository that package.json names; undefined when it names none. */
export function docsUrl(repository: unknown, check: Problem['check']): string | undefined {
  const isObject = typeof repository === 'object' && repository !== null;
  const url = isObject ? (repository as { url?: unknown }).url : repository;
  if (typeof url !== 'string' || !/^(git\+)?https:\/\//.test(url)) return undefined;
  const page = url.replace(/^git\+/, '').replace(/\.git$/, '');
  return `${page}/blob/main/docs/diagnostics.md#${check}`;
}

/** The summary above the first line. What is only worth knowing is not counted as a problem. */
export function summaryText({ pairs, problems }: Pick<CheckReport, 'pairs' | 'problems'>): string {
  const count = problems.filter(({ check }) => checkSeverities[check] !== 'information').length;
  return `${plural(pairs, 'pair')} · ${count === 0 ? 'no problems' : plural(count, 'problem')}`;
}

/** How many problems of which kind, most frequent first, one a line; undefined when there are none. */
export function summaryDetails(problems: readonly Pick<Problem, 'check'>[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { check } of problems) counts.set(check, (counts.get(check) ?? 0) + 1);
  const lines = [...counts].sort(([, a], [, b]) => b - a).map(([check, count]) => `${count} × ${check}`);
  return lines.length === 0 ? undefined : lines.join('\n');
}
