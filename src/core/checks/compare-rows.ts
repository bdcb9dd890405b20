import { formDescriptions, type DatasetForm } from '../dataset/index.js';
import type { PromptIndex } from './leakage.js';
import { LeftOutColumns, type PlacedFinding } from './left-out-columns.js';
import { LengthBias } from './length-bias.js';
import { FieldLocator } from './locate.js';
import { markedSpan } from './mark.js';
import type { PairFacts } from './pair-facts.js';
import type { RowCheck } from './row.js';
import { SourceBalance } from './source-balance.js';
import type { Finding, OtherPlace, RowProblem, SourceCount, Span } from './types.js';

/** A row as comparing sees it. */
export interface ComparedRow {
  readonly check: RowCheck;
  readonly text: string;
  /** 0-based line on which the row begins. */
  readonly line: number;
  /** Problems that are told by more than the row's own text. */
  readonly more?: readonly RowProblem[];
}

/** A problem of one row, told by looking at the others. */
export interface ComparedProblem extends RowProblem {
  /** Number of the earlier row it is about. */
  readonly earlier?: number;
  /** The place in another file it is about. */
  readonly other?: OtherPlace;
}

/**
 * Compares the rows of a file as they come: one form and kind, no pair twice, none against another, no prompt of a file
 * that the model is judged by, no bias of the whole.
 */
export class RowComparer {
  readonly #prompts: readonly PromptIndex[];
  readonly #byKey = new Map<string, number>();
  readonly #lines: number[] = [];
  readonly #bias = new LengthBias();
  readonly #balance = new SourceBalance();
  readonly #columns = new LeftOutColumns();
  #firstKind: { kind: RowCheck['kind']; line: number } | undefined;
  #first: { form: DatasetForm; line: number } | undefined;
  /** Pairs of the rows so far that can be trained on. */
  pairs = 0;

  /** @param prompts those of files that no row may share one with */
  constructor(prompts: readonly PromptIndex[] = []) {
    this.#prompts = prompts;
  }

  get form(): DatasetForm | undefined {
    return this.#first?.form;
  }

  /** 0-based line on which a row that was added begins. */
  lineOf(row: number): number {
    return this.#lines[row] as number;
  }

  /** The next row's problems, each at the word that is underlined: its own or, where it does not fit the file, that. */
  add(row: ComparedRow): readonly ComparedProblem[] {
    return this.#found(row).map((problem) => {
      const span = markedSpan(row.text, problem.span);
      return span === problem.span ? problem : { ...problem, span };
    });
  }

  #found({ check, text, line, more = [] }: ComparedRow): readonly ComparedProblem[] {
    const row = this.#lines.push(line) - 1;
    const { form, facts, kind } = check;
    const own = more.length === 0 ? check.problems : [...check.problems, ...more];
    if (form === undefined) return own;
    this.#first ??= { form, line };
    if (form !== this.#first.form) return [otherForm(check, form, this.#first)];
    if (kind !== undefined) {
      this.#firstKind ??= { kind, line };
      if (kind !== this.#firstKind.kind) return [otherKind(check, kind, this.#firstKind)];
    }
    this.pairs += check.pairs;
    if (check.columns !== undefined) this.#columns.add(row, check.columns, text, check.opening);
    const [lead] = facts;
    if (lead === undefined) return own;
    const earlier = facts.map((fact) => this.#byKey.get(keyOf(fact)) ?? row);
    const found: ComparedProblem[] = [...own];
    if (earlier.every((index) => index < row)) found.unshift(this.#duplicate(text, earlier[0] as number));
    const opposite = this.#opposite(facts, row);
    if (opposite !== undefined) found.push(this.#contradiction(text, opposite.fact, opposite.row));
    found.push(...this.#leaks(text, lead));
    for (const fact of facts) {
      if (!this.#byKey.has(keyOf(fact))) this.#byKey.set(keyOf(fact), row);
      this.#bias.add(fact.chosenLength, fact.rejectedLength);
      this.#balance.add(check.source, fact);
    }
    return found;
  }

  /** What the rows so far tell together. */
  get findings(): Finding[] {
    const { finding } = this.#bias;
    return [...(finding === undefined ? [] : [finding]), ...this.#balance.findings(this.#bias)];
  }

  /** What the rows so far leave out. */
  get leftOut(): PlacedFinding[] {
    return this.#columns.findings;
  }

  get sources(): SourceCount[] {
    return this.#balance.counts;
  }

  #opposite(facts: readonly PairFacts[], row: number): { fact: PairFacts; row: number } | undefined {
    for (const fact of facts) {
      // A pair of equal responses is its own opposite; that is told already.
      if (fact.chosen === fact.rejected) continue;
      const found = this.#byKey.get(keyOf({ ...fact, chosen: fact.rejected, rejected: fact.chosen }));
      if (found !== undefined && found < row) return { fact, row: found };
    }
    return undefined;
  }

  #duplicate(text: string, earlier: number): ComparedProblem {
    return {
      check: 'duplicate',
      what: `the same pair as line ${this.lineOf(earlier) + 1}`,
      advice: 'remove the row, unless the pair should count twice',
      span: { start: 0, end: text.length },
      earlier,
    };
  }

  #contradiction(text: string, { chosenPath }: PairFacts, earlier: number): ComparedProblem {
    return {
      check: 'contradiction',
      what: `line ${this.lineOf(earlier) + 1} prefers these two responses the other way round`,
      advice: 'keep one of the rows and remove the other',
      span: valueSpan(text, chosenPath),
      earlier,
    };
  }

  #leaks(text: string, { question, promptPath }: PairFacts): ComparedProblem[] {
    if (question === undefined) return [];
    for (const { file, name, role, lines } of this.#prompts) {
      const line = lines.get(question);
      if (line === undefined) continue;
      return [
        {
          check: 'prompt-leakage',
          what: `the prompt is also in line ${line + 1} of ${name}, which is ${role === 'eval' ? 'for evaluation' : 'for training'}`,
          advice: 'keep each prompt on one side; remove the row here or there',
          span: valueSpan(text, promptPath),
          other: { file, line },
        },
      ];
    }
    return [];
  }
}

function keyOf({ prompt, chosen, rejected }: Pick<PairFacts, 'prompt' | 'chosen' | 'rejected'>): string {
  return prompt + chosen + rejected;
}

function valueSpan(text: string, path: string): Span {
  return new FieldLocator(text).value(path);
}

function otherForm(check: RowCheck, form: DatasetForm, first: { form: DatasetForm; line: number }): ComparedProblem {
  // A row that only lost its prompt is better told so than that its form is another.
  if (first.form === 'trl-explicit' && form === 'trl-implicit') {
    const advice = 'add it; the other rows have it';
    return { check: 'missing-field', what: 'missing field "prompt"', advice, span: check.opening };
  }
  return {
    check: 'mixed-forms',
    what: `this row is ${formDescriptions[form]}, but line ${first.line + 1} is ${formDescriptions[first.form]}`,
    advice: 'use one form per file; split the file in two',
    span: check.opening,
  };
}

function otherKind(check: RowCheck, kind: RowCheck['kind'], first: { kind: RowCheck['kind']; line: number }): ComparedProblem {
  const name = (of: RowCheck['kind']): string => (of === 'text' ? 'plain text' : 'message lists');
  return {
    check: 'mixed-forms',
    what: `this row is ${name(kind)}, but line ${first.line + 1} is ${name(first.kind)}`,
    advice: 'use one form per file; split the file in two',
    span: check.opening,
  };
}
