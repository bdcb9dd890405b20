import { checkSeverities } from '../../core/checks/index.js';
import { formDescriptions, leftOutPlaces, unreadText, warningText, type DatasetForm } from '../../core/dataset/index.js';
import { type DatasetSummary, problemCount } from '../../core/checks/dataset-summary.js';
import { WishboneError } from '../../core/errors.js';
import { formatCount, plural, sentence } from '../../format.js';

type Known = DatasetSummary | WishboneError | undefined;

/** A dataset in the Datasets view: what stands beside its name. `undefined` while it is being read. */
export function datasetDescription(summary: Known): string {
  if (summary === undefined) return 'reading…';
  if (summary instanceof WishboneError) return summary.what;
  const problems = problemCount(summary);
  return `${plural(summary.pairs, 'pair')}${problems === 0 ? '' : ` · ${plural(problems, 'problem')}`}`;
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
  if (summary.problems === undefined) return facts;
  if (summary.problems.length === 0) {
    return [...facts, { label: 'Problems', description: 'none', icon: 'pass' }];
  }
  return [
    ...facts,
    ...summary.problems.map(({ check, count }) => ({
      label: check,
      description: formatCount(count),
      icon: SEVERITY_ICONS[checkSeverities[check]],
    })),
  ];
}
