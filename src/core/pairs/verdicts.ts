import { minus, signed } from '../text/signed.js';
import { COMPARED_METRICS, type ComparedMetric, differenceText, type NotComparable, type PairedComparison } from './compare.js';
import type { RunComparison } from './compare-runs.js';
import type { SeedGroup } from './seeds.js';

/** A table for people. */
export interface VerdictTable {
  readonly title: string;
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Whether runs are really better, as it is shown: tables, and what could not be compared. */
export interface Verdicts {
  readonly tables: readonly VerdictTable[];
  readonly notes: readonly string[];
}

/** So many names are listed in a note. */
const MOST_NAMES = 5;

/** @param names of the runs, in their order */
export function verdictsOf({ paired, seeds }: RunComparison, names: readonly string[]): Verdicts {
  const tables: VerdictTable[] = [];
  const problems = new Map<string, Set<string>>();
  for (const comparison of paired) {
    if (isProblem(comparison)) problems.set(comparison.problem, (problems.get(comparison.problem) ?? new Set()).add(comparison.run));
    else tables.push(pairedTable(comparison));
  }
  const notes = [...problems].map(([problem, runs]) => `Not compared pair by pair: ${some([...runs])}: ${problem}`);
  return { tables: [...tables, ...seeds.map((group) => seedsTable(group, names))], notes };
}

function some(names: readonly string[]): string {
  return names.length > MOST_NAMES ? `${names.slice(0, MOST_NAMES).join(', ')} and ${names.length - MOST_NAMES} more` : names.join(', ');
}

function isProblem(comparison: PairedComparison | NotComparable): comparison is NotComparable {
  return 'problem' in comparison;
}

function pairedTable(comparison: PairedComparison): VerdictTable {
  const { names, pairs, of, steps, differences } = comparison;
  const some = of.every((count) => count === pairs) ? '' : ` that both have, of ${grouped(of[0])} and ${grouped(of[1])}`;
  const rows = COMPARED_METRICS.map((metric) => [
    metric,
    String(pairs),
    ...[differences[metric].mean, ...differences[metric].interval].map((value) => signed(figure(value, metric))),
    differenceText(comparison, metric),
  ]);
  return {
    title: `${names[1]} against ${names[0]}, pair by pair: ${grouped(pairs)} evaluated pairs${some}, after steps ${steps[1]} and ${steps[0]}`,
    heading: ['', 'n', 'difference', '95% from', 'to', 'says'],
    rows,
  };
}

function seedsTable({ runs, figures }: SeedGroup, names: readonly string[]): VerdictTable {
  const rows = COMPARED_METRICS.flatMap((metric) => {
    const found = figures[metric];
    if (found === undefined) return [];
    const ends = found.interval?.map((value) => minus(figure(value, metric))) ?? ['-', '-'];
    return [[metric, String(found.n), minus(figure(found.mean, metric)), ...ends]];
  });
  const title = `${runs.length} runs that differ by their seed alone: ${runs.map((run) => names[run]).join(', ')}`;
  return { title, heading: ['', 'n', 'mean', '95% from', 'to'], rows };
}

function figure(value: number, metric: ComparedMetric): string {
  return metric === 'accuracy' ? `${(100 * value).toFixed(1)}%` : value.toFixed(4);
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
