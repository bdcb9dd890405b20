import { CHECK_SEVERITIES, type CheckName, type DocumentReport, type Problem } from '../../core/checks/index.js';
import { remedyLabel } from '../../core/dataset/index.js';
import type { PlanOptions } from '../../core/options/index.js';
import { formatCount, plural, sentence } from '../../format.js';

/** Something that can be done about every row that a check has found something in, in one edit. */
export interface BulkFix {
  readonly kind: 'drop' | 'move' | 'trim';
  readonly title: string;
  readonly check: CheckName;
  /** Ascending. */
  readonly rows: ArrayLike<number>;
  /** Those at the place that the fixes are offered at. */
  readonly problems: readonly Problem[];
}

/** A plan option with which a run on the file has the problem no more. */
export interface OptionFix {
  readonly title: string;
  readonly option: keyof PlanOptions;
  readonly value: string | number;
  readonly problems: readonly Problem[];
}

type Report = Pick<DocumentReport, 'problems' | 'rowsByCheck' | 'tokens'>;

/** Fixes for all rows of a kind, where a kind has more than one. @param sideFile as for `fixesFor` */
export function bulkFixesFor(
  { problems, rowsByCheck }: Report,
  isMeant: (problem: Problem) => boolean,
  sideFile: string | undefined,
): BulkFix[] {
  const meant = problems.filter((problem) => problem.row !== undefined && isMeant(problem));
  const checks = [...new Set(meant.map(({ check }) => check))];
  return checks.flatMap((check): BulkFix[] => {
    const own = meant.filter((problem) => problem.check === check);
    const rows = rowsByCheck[check];
    if (CHECK_SEVERITIES[check] === 'information') {
      const trims = problems.filter((problem) => problem.check === check && problem.trim !== undefined);
      const title = `Trim all ${plural(trims.length, 'response')} with this problem`;
      return trims.length < 2 ? [] : [{ kind: 'trim', title, check, rows: trims.map(({ row }) => row ?? 0), problems: own }];
    }
    if (rows === undefined || rows.length < 2) return [];
    const many = `all ${formatCount(rows.length)} rows with this problem (${check})`;
    return [
      { kind: 'drop', title: `Drop ${many}`, check, rows, problems: own },
      ...(sideFile === undefined ? [] : [{ kind: 'move', title: `Move ${many} to ${sideFile}`, check, rows, problems: own } as const]),
    ];
  });
}

/**
 * Options of a run that put a problem right where the file may stay as it is.
 *
 * @param maxLength with which the file is checked
 */
export function optionFixesFor({ problems, tokens }: Report, isMeant: (problem: Problem) => boolean, maxLength: number): OptionFix[] {
  const meant = problems.filter(isMeant);
  const columns = meant.flatMap((problem) =>
    (problem.remedies ?? []).map((remedy): OptionFix => {
      const title = `${sentence(remedyLabel(remedy))}: columns ${remedy.columns}`;
      return { title, option: 'columns', value: remedy.columns, problems: [problem] };
    }),
  );
  const long = meant.filter(({ check }) => check === 'over-length' || check === 'skipped-pair');
  // While tokens are counted, a longer one may follow.
  const longest = tokens !== undefined && tokens.done === tokens.total ? tokens.sums.longest : 0;
  if (long.length === 0 || longest <= maxLength) return columns;
  return [...columns, { title: `Set max length to ${formatCount(longest)}`, option: 'max_length', value: longest, problems: long }];
}
