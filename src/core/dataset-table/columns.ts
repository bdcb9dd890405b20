import { CHECK_SEVERITIES, type CheckName, type Severity } from '../checks/index.js';
import type { RowTokens } from '../checks/index.js';
import type { RowCheck } from '../checks/row.js';
import { MOST_PAIRS } from '../checks/row-tokens.js';
import { type Growing, uint16, uint32 } from './growing.js';
import type { MarginColumns } from './margin-columns.js';

/** The checks by number: the bit that each has in a row's problems. */
export const CHECKS = Object.keys(CHECK_SEVERITIES) as readonly CheckName[];
/** Bits of a 32-bit number. */
if (CHECKS.length > 32) throw new Error('a row has room for 32 checks');
const BITS = new Map(CHECKS.map((check, bit) => [check, (1 << bit) >>> 0]));

/** The problems that names stand for, as bits. */
export function problemBits(checks: Iterable<CheckName>): number {
  let bits = 0;
  for (const check of checks) bits |= BITS.get(check)!;
  return bits >>> 0;
}

/** The names of problems, the weightiest first. */
export function problemNames(bits: number): CheckName[] {
  return CHECKS.filter((check) => (bits & BITS.get(check)!) !== 0);
}

export const SEVERITY_BITS: Readonly<Record<Severity, number>> = {
  error: bitsOf('error'),
  warning: bitsOf('warning'),
  information: bitsOf('information'),
};

function bitsOf(severity: Severity): number {
  return problemBits(CHECKS.filter((check) => CHECK_SEVERITIES[check] === severity));
}

/** What is not known of a number. */
export const UNKNOWN = 0xffffffff;
export const PARTS = ['prompt', 'chosen', 'rejected'] as const;
export type Part = (typeof PARTS)[number];
export const UNITS = ['characters', 'tokens'] as const;
export type Unit = (typeof UNITS)[number];
export type Lengths = Readonly<Record<Part, number>>;

type Numbers = Readonly<Record<Part, Growing<Uint32Array>>>;
const numbers = (): Numbers => ({ prompt: uint32(), chosen: uint32(), rejected: uint32() });

/** Sources that are told apart; further ones count as one. */
const MOST_SOURCES = 65_535;
const MORE_SOURCES = '(other sources)';

/**
 * What is known of each pair without its texts: a few numbers in columns. A row that makes several pairs has a line for each,
 * one that makes none has one line. Lines are in the order of the file.
 */
export class TableColumns {
  readonly #row = uint32();
  readonly #pair = uint16();
  readonly #problems = uint32();
  readonly #source = uint16();
  readonly #lengths: Readonly<Record<Unit, Numbers>> = { characters: numbers(), tokens: numbers() };
  readonly #sources: (string | undefined)[] = [undefined];
  readonly #sourceNumbers = new Map<string, number>();
  /** Of the run that somebody chose. */
  margins: MarginColumns | undefined;
  /** Rows that lines are known of: all before this. */
  rows = 0;
  /** Rows whose tokens are known, or known not to be. */
  tokenRows = 0;

  /** Lines that are known. */
  get length(): number {
    return this.#row.length;
  }

  /** Adds the next row. @param problems all that was found in it, as bits */
  add({ facts }: Pick<RowCheck, 'facts'>, source: string | undefined, problems: number): void {
    const row = this.rows++;
    const number = this.#sourceNumber(source);
    for (let pair = 0; pair < Math.max(1, facts.length); pair++) {
      const fact = facts[pair];
      this.#row.push(row);
      this.#pair.push(pair);
      this.#problems.push(problems);
      this.#source.push(number);
      const { characters, tokens } = this.#lengths;
      characters.prompt.push(fact?.promptLength ?? UNKNOWN);
      characters.chosen.push(fact?.chosenLength ?? UNKNOWN);
      characters.rejected.push(fact?.rejectedLength ?? UNKNOWN);
      for (const part of PARTS) tokens[part].push(UNKNOWN);
    }
  }

  /** Sets what tokenising the next rows has found; undefined for one that cannot be trained on. */
  addTokens(rows: readonly (RowTokens | undefined)[]): void {
    for (const tokens of rows) {
      const row = this.tokenRows++;
      if (tokens === undefined) continue;
      const bits = problemBits(tokens.problems.map(({ check }) => check));
      const first = this.lineOf(row);
      for (let line = first; line < this.length && this.#row.at(line) === row; line++) {
        this.#problems.set(line, (this.#problems.at(line) | bits) >>> 0);
        const lengths = tokensOf(tokens, this.#pair.at(line), this.pairsOf(first));
        if (lengths !== undefined) for (const part of PARTS) this.#lengths.tokens[part].set(line, lengths[part]);
      }
    }
  }

  row(line: number): number {
    return this.#row.at(line);
  }

  pair(line: number): number {
    return this.#pair.at(line);
  }

  /** As bits. */
  problems(line: number): number {
    return this.#problems.at(line);
  }

  source(line: number): string | undefined {
    return this.#sources[this.#source.at(line)];
  }

  sourceNumber(line: number): number {
    return this.#source.at(line);
  }

  /** All sources by number; the first is that of rows that name none. */
  get sources(): readonly (string | undefined)[] {
    return this.#sources;
  }

  /** `UNKNOWN` where it is not known. */
  lengthOf(line: number, part: Part, unit: Unit): number {
    return this.#lengths[unit][part].at(line);
  }

  /** The first line of a row that lines are known of. */
  lineOf(row: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#row.at(middle) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Pairs of the row whose first line this is. */
  pairsOf(first: number): number {
    const row = this.#row.at(first);
    let next = first;
    while (next < this.length && this.#row.at(next) === row) next++;
    return next - first;
  }

  #sourceNumber(name: string | undefined): number {
    if (name === undefined) return 0;
    const known = this.#sourceNumbers.get(name);
    if (known !== undefined) return known;
    if (this.#sources.length >= MOST_SOURCES) return this.#sourceNumber(MORE_SOURCES);
    const number = this.#sources.push(name) - 1;
    this.#sourceNumbers.set(name, number);
    return number;
  }
}

/**
 * Tokens of one pair of a row: of the prompt, and of each response without it, uncut. Pairs that would be skipped are not among
 * those of the row, so that it cannot be said which of several the others are.
 */
export function tokensOf({ pairs }: RowTokens, pair: number, of: number): Lengths | undefined {
  const tokens = pairs.length === of || (of > pairs.length && pairs.length === MOST_PAIRS) ? pairs[pair] : undefined;
  if (tokens === undefined) return undefined;
  const { prompt, chosen, rejected, cut } = tokens;
  return { prompt, chosen: chosen + cut.chosen - prompt, rejected: rejected + cut.rejected - prompt };
}
