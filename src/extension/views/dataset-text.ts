import { addCounts, type CheckName, CHECK_SEVERITIES, countsText, type ProblemCounts } from '../../core/checks/index.js';
import { formDescriptions, leftOutPlaces, unreadText, warningText, type DatasetForm } from '../../core/dataset/index.js';
import type { DatasetSummary } from '../../core/checks/dataset-summary.js';
import { WishboneError } from '../../core/errors.js';
import { formatCount, plural, sentence } from '../../format.js';

type Known = DatasetSummary | WishboneError | undefined;

/** A dataset in the Datasets view: what stands beside its name. `undefined` while it is being read. */
export function datasetDescription(summary: Known): string {
  if (summary === undefined) return 'reading…';
  if (summary instanceof WishboneError) return summary.what;
  const { pairs, counts, badRows } = summary;
  // A file that is too large for the checks.
  const unchecked = badRows.rows === 0 ? 'not checked' : `not checked, ${plural(badRows.rows, 'unreadable row')}`;
  return `${plural(pairs, 'pair')} · ${counts === undefined ? unchecked : countsText(counts)}`;
}

/** Files together; undefined where one of them cannot be read or is too large for the checks. */
export function countedText(summaries: readonly Exclude<Known, undefined>[]): string | undefined {
  const pairs: number[] = [];
  const counts: ProblemCounts[] = [];
  for (const summary of summaries) {
    if (summary instanceof WishboneError || summary.counts === undefined) return undefined;
    pairs.push(summary.pairs);
    counts.push(summary.counts);
  }
  return `${plural(
    pairs.reduce((sum, each) => sum + each, 0),
    'pair',
  )} · ${countsText(addCounts(counts))}`;
}

const SEVERITY_ICONS = { error: 'error', warning: 'warning', information: 'info' } as const;

/** What is below a dataset: its form, its pairs, and each kind of problem. */
export function datasetFacts(
  form: DatasetForm | undefined,
  summary: Known,
): { readonly label: string; readonly description: string; readonly icon: string }[] {
  const facts = form === undefined ? [] : [{ label: 'Form', description: formDescriptions[form], icon: 'symbol-structure' }];
  if (summary === undefined) return facts;
  if (summary instanceof WishboneError) {
    return [...facts, { label: sentence(summary.what), description: summary.advice, icon: 'error' }];
  }
  facts.push({ label: 'Pairs', description: formatCount(summary.pairs), icon: 'list-ordered' });
  const { badRows, columns } = summary;
  if (badRows.rows > 0) {
    const rows = `${plural(badRows.rows, 'row')} cannot be trained on`;
    facts.push({ label: sentence(rows), description: `${leftOutPlaces(badRows)}: ${badRows.first[0]?.what ?? ''}`, icon: 'error' });
  }
  for (const warning of columns.warnings) {
    facts.push({ label: 'Columns', description: warningText(warning), icon: 'warning' });
  }
  const unread = unreadText(columns);
  if (unread !== undefined) facts.push({ label: 'Not read', description: unread, icon: 'info' });
  if (summary.counts === undefined) return facts;
  const counts = (Object.entries(summary.counts) as [CheckName, number][]).sort(([, a], [, b]) => b - a);
  if (counts.length === 0) return [...facts, { label: 'Problems', description: 'none', icon: 'pass' }];
  return [
    ...facts,
    ...counts.map(([check, count]) => ({
      label: check,
      description: formatCount(count),
      icon: SEVERITY_ICONS[CHECK_SEVERITIES[check]],
    })),
  ];
}
