import { formDescriptions, type DatasetForm } from '../dataset/index.js';
import { lengthBiasFinding, measureLengthBias } from './length-bias.js';
import { FieldLocator } from './locate.js';
import type { PairFacts, RowCheck } from './row.js';
import type { Finding, RowProblem, Span } from './types.js';

/** A row as comparing sees it. */
export interface ComparedRow {
  readonly check: RowCheck;
  readonly text: string;
  /** Indices into the whole text. */
  readonly span: Span;
  /** 0-based line on which the row begins. */
  readonly line: number;
}

/** A problem of one row, told by looking at the others. */
export interface ComparedProblem extends RowProblem {
  /** Index of the earlier row it is about. */
  readonly earlier?: number;
}

/** What comparing a file's rows comes to. */
export interface Comparison {
  readonly form: DatasetForm | undefined;
  readonly pairs: number;
  /** By row, in order: its own problems or, where it does not fit the file, that. */
  readonly problems: readonly (readonly ComparedProblem[])[];
  readonly ofFile: readonly Finding[];
}

/** Compares all rows of a file: one form and kind, no pair twice, none against another, no length bias. */
export function compareRows(rows: readonly ComparedRow[]): Comparison {
  let first: { form: DatasetForm; line: number } | undefined;
  let firstPair: { kind: PairFacts['kind']; line: number } | undefined;
  const byKey = new Map<string, number>();
  const pairs: PairFacts[] = [];
  let count = 0;
  const problems = rows.map(({ check, text, line }, index): readonly ComparedProblem[] => {
    const { form, pair } = check;
    if (form === undefined) return check.problems;
    first ??= { form, line };
    if (form !== first.form) return [otherForm(check, form, first)];
    if (pair !== undefined) {
      firstPair ??= { kind: pair.kind, line };
      if (pair.kind !== firstPair.kind) return [otherKind(check, pair.kind, firstPair)];
    }
    count += check.pairs;
    if (pair === undefined) return check.problems;
    pairs.push(pair);
    const found: ComparedProblem[] = [...check.problems];
    const same = byKey.get(pair.key);
    // A pair of equal responses is its own opposite; that is told already.
    const opposite = pair.key === pair.oppositeKey ? undefined : byKey.get(pair.oppositeKey);
    if (same !== undefined) found.unshift(duplicate(text, same, rows[same] as ComparedRow));
    else byKey.set(pair.key, index);
    if (opposite !== undefined) found.push(contradiction(text, pair, opposite, rows[opposite] as ComparedRow));
    return found;
  });
  const bias = lengthBiasFinding(measureLengthBias(pairs));
  return { form: first?.form, pairs: count, problems, ofFile: bias === undefined ? [] : [bias] };
}

function otherForm(check: RowCheck, form: DatasetForm, first: { form: DatasetForm; line: number }): ComparedProblem {
  // A row that only lost its prompt is better told so than that its form is another.
  if (first.form === 'trl-explicit' && form === 'trl-implicit') {
    const advice = 'add it, as the other rows have it';
    return { check: 'missing-field', what: 'missing field "prompt"', advice, span: check.opening };
  }
  return {
    check: 'mixed-forms',
    what: `this row is ${formDescriptions[form]}, but line ${first.line + 1} is ${formDescriptions[first.form]}`,
    advice: 'keep one form in a file; split the file in two',
    span: check.opening,
  };
}

function otherKind(
  check: RowCheck,
  kind: PairFacts['kind'],
  first: { kind: PairFacts['kind']; line: number },
): ComparedProblem {
  const name = (of: PairFacts['kind']): string => (of === 'text' ? 'plain text' : 'message lists');
  return {
    check: 'mixed-forms',
    what: `this row is ${name(kind)}, but line ${first.line + 1} is ${name(first.kind)}`,
    advice: 'keep one form in a file; split the file in two',
    span: check.opening,
  };
}

function duplicate(text: string, earlier: number, { line }: ComparedRow): ComparedProblem {
  return {
    check: 'duplicate',
    what: `the same pair as in line ${line + 1}`,
    advice: 'remove the row, unless the pair is to count twice',
    span: { start: 0, end: text.length },
    earlier,
  };
}

function contradiction(
  text: string,
  { chosenPath }: PairFacts,
  earlier: number,
  { line }: ComparedRow,
): ComparedProblem {
  return {
    check: 'contradiction',
    what: `line ${line + 1} prefers these two responses the other way round`,
    advice: 'decide for one of them and remove the other row',
    span: new FieldLocator(text).value(chosenPath),
    earlier,
  };
}
