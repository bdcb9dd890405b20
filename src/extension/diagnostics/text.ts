import {
  bySeverity,
  CHECK_SEVERITIES,
  countsText,
  type DocumentReport,
  type FileSummary,
  type Problem,
  type Severity,
} from '../../core/checks/index.js';
import { formatCount, formatPercent, plural, sentence } from '../../format.js';

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

type Summary = Pick<FileSummary, 'pairs' | 'counts'>;

/** The summary above the first line. */
export function summaryText(summary: Summary): string {
  return `${plural(summary.pairs, 'pair')} · ${countsText(summary.counts)}`;
}

/** The same for the status bar, with icons. */
export function statusLabel(summary: Summary): string {
  const { error, warning, information } = bySeverity(summary.counts);
  const parts = [
    `$(list-unordered) ${plural(summary.pairs, 'pair')}`,
    ...(error > 0 ? [`$(error) ${formatCount(error)}`] : []),
    ...(warning > 0 ? [`$(warning) ${formatCount(warning)}`] : []),
    ...(information > 0 ? [`$(info) ${formatCount(information)}`] : []),
    ...(error + warning + information === 0 ? ['$(check)'] : []),
  ];
  return parts.join(' ');
}

/** What the tokens come to, or what they need. `model`: the name of its folder. */
export function tokenText(tokens: DocumentReport['tokens'], model: string | undefined): string {
  if (model === undefined) return 'Choose a model to count tokens';
  if (tokens === undefined) return `${model}: loading`;
  const { done, total, sums } = tokens;
  if (done < total) return `${model}: counting tokens, ${formatPercent(done / total)}`;
  const { naiveTokens, sharedTokens, flops } = sums;
  if (naiveTokens === 0) return `${model}: no tokens`;
  const saved = flops === undefined ? 1 - sharedTokens / naiveTokens : 1 - flops.shared / flops.naive;
  return (
    `${model}: ${formatCount(naiveTokens)} tokens, ${formatCount(sharedTokens)} with sharing ` +
    `(saves ${formatPercent(saved)}${flops === undefined ? '' : ' of FLOPs'})`
  );
}

const WEIGHT_OF: Readonly<Record<Severity, number>> = { error: 2, warning: 1, information: 0 };

/** The lines on which problems begin, each with the severity of its heaviest. */
export function heaviestByLine(problems: readonly Pick<Problem, 'check' | 'range'>[]): ReadonlyMap<number, Severity> {
  const lines = new Map<number, Severity>();
  for (const { check, range } of problems) {
    const severity = CHECK_SEVERITIES[check];
    const known = lines.get(range.start.line);
    if (known === undefined || WEIGHT_OF[severity] > WEIGHT_OF[known]) lines.set(range.start.line, severity);
  }
  return lines;
}

const MOST_SOURCES = 10;

/** How many problems of which kind and how many pairs of which source, most frequent first; undefined for neither. */
export function summaryDetails({ counts, sources }: Pick<FileSummary, 'counts' | 'sources'>): string | undefined {
  const problems = entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([check, count]) => `${formatCount(count)} × ${check}`);
  const bySource = sources
    .slice(0, MOST_SOURCES)
    .map(({ name, pairs, chosenLonger }) => `${name}: ${plural(pairs, 'pair')}, chosen longer in ${formatPercent(chosenLonger)}`);
  if (sources.length > MOST_SOURCES) bySource.push(`and ${plural(sources.length - MOST_SOURCES, 'source')} more`);
  const blocks = [problems, bySource].filter((block) => block.length > 0).map((block) => block.join('\n'));
  return blocks.length === 0 ? undefined : blocks.join('\n\n');
}

function entries(counts: FileSummary['counts']): [Problem['check'], number][] {
  return Object.entries(counts) as [Problem['check'], number][];
}
