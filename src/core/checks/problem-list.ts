import { CHECK_SEVERITIES, type CheckName, type Problem, type ProblemCounts, type RowsByCheck, type Severity } from './types.js';

/** VS Code lists a thousand problems of one file and no more; one place is left for the word on those left out. */
export const MOST_PROBLEMS = 999;

const ORDER: readonly Severity[] = ['error', 'warning', 'information'];

/** The weightiest problems of a file, the first of each severity, and a count of all. */
export class ProblemList {
  readonly #most: number;
  readonly #bySeverity: Readonly<Record<Severity, Problem[]>> = { error: [], warning: [], information: [] };
  readonly #countByCheck: Partial<Record<CheckName, number>> = {};
  readonly #rowsByCheck = new Map<CheckName, Set<number>>();
  #listed = 0;
  #all = 0;

  constructor(most = MOST_PROBLEMS) {
    this.#most = most;
  }

  /** @returns whether the list has changed */
  add(problem: Problem): boolean {
    const severity = CHECK_SEVERITIES[problem.check];
    this.#countByCheck[problem.check] = (this.#countByCheck[problem.check] ?? 0) + 1;
    this.#all++;
    if (problem.row !== undefined && severity !== 'information') this.#addRow(problem.check, problem.row);
    if (this.#listed === this.#most) {
      const lighter = ORDER.slice(ORDER.indexOf(severity) + 1).filter((other) => this.#bySeverity[other].length > 0);
      const last = lighter.at(-1);
      if (last === undefined) return false;
      this.#bySeverity[last].pop();
      this.#listed--;
    }
    this.#bySeverity[severity].push(problem);
    this.#listed++;
    return true;
  }

  get counts(): ProblemCounts {
    return { ...this.#countByCheck };
  }

  /** The rows that each check has found something in, listed or not; what is only worth knowing is no reason to part with one. */
  get rows(): RowsByCheck {
    return Object.fromEntries([...this.#rowsByCheck].map(([check, rows]) => [check, Uint32Array.from(rows).sort()])) as RowsByCheck;
  }

  #addRow(check: CheckName, row: number): void {
    const rows = this.#rowsByCheck.get(check);
    if (rows) rows.add(row);
    else this.#rowsByCheck.set(check, new Set([row]));
  }

  /** In the order of the text, which is that of adding within one line. */
  get problems(): Problem[] {
    const all = ORDER.flatMap((severity) => this.#bySeverity[severity]);
    return all.sort((a, b) => a.range.start.line - b.range.start.line || a.range.start.character - b.range.start.character);
  }

  /** The word on problems that are not listed, for the first line; undefined when all are. */
  get more(): Problem | undefined {
    const left = this.#all - this.#listed;
    if (left === 0) return undefined;
    const start = { line: 0, character: 0 };
    return {
      check: 'more-problems',
      what: `${left.toLocaleString('en-US')} more problems are not listed`,
      advice: 'fix the listed ones first; the summary counts all of them',
      range: { start, end: { line: 0, character: 1 } },
      row: undefined,
    };
  }
}
