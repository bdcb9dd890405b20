import type { CheckName } from '../checks/index.js';
import { checkRow } from '../checks/row.js';
import { invalidUtf8 } from '../checks/checker.js';
import { rowTurns, type Turn } from '../checks/row-turns.js';
import type { Finding } from '../checks/types.js';
import { printable } from '../text/printable.js';
import { type Lengths, PARTS, problemNames, type TableColumns, type Unit, UNKNOWN } from './columns.js';
import type { LineMargin } from './margin-columns.js';
import type { RowText } from './row-texts.js';
import { cutText, type DiffPiece, LINE_LIMITS, PAIR_LIMITS, type WordDiff, wordDiff } from './word-diff.js';

/** A line of the table with as much of its texts as can be seen. */
export interface TableLine {
  /** Of the row in the file, from 0. */
  readonly row: number;
  /** Of the pair in its row, from 0. */
  readonly pair: number;
  /** Pairs that the row makes. */
  readonly pairs: number;
  /** From 1; null in files without lines. */
  readonly line: number | null;
  /** The last message of the prompt; of a row that is no pair, the row. */
  readonly prompt: string;
  /** Who says it; null for plain text. */
  readonly role: string | null;
  /** Messages of the prompt. */
  readonly turns: number;
  readonly chosen: readonly DiffPiece[];
  readonly rejected: readonly DiffPiece[];
  readonly source: string | null;
  /** Null where they are not known (yet). */
  readonly lengths: Readonly<Record<Unit, Lengths | null>>;
  readonly problems: readonly CheckName[];
  /** Null where no run was chosen, or nothing is known of the line yet. */
  readonly margin: LineMargin | null;
}

/** A message as it is shown: what is longer than can be shown is cut. */
export interface ShownTurn {
  readonly role: string | null;
  readonly text: string;
  readonly isCut: boolean;
}

/** All of a pair. */
export interface PairView {
  readonly row: number;
  readonly pair: number;
  readonly pairs: number;
  readonly line: number | null;
  readonly prompt: readonly ShownTurn[];
  /** The responses; that of a pair of one message each, word by word. */
  readonly chosen: readonly ShownTurn[];
  readonly rejected: readonly ShownTurn[];
  readonly diff: WordDiff;
  readonly problems: readonly { readonly check: CheckName; readonly what: string; readonly advice: string }[];
  /** Of a row that is no pair: the row as it stands. */
  readonly raw: string | null;
}

/** Where a line is, and what is known of it without its text. */
export interface LinePlace {
  readonly row: number;
  readonly pair: number;
  /** Its number among those whose columns are known; undefined for one that is not. */
  readonly known: number | undefined;
  readonly line: number | undefined;
}

/** @param text of the line's row */
export function lineView(columns: TableColumns, place: LinePlace, text: RowText): TableLine {
  const { row, pair, known, line } = place;
  const base = { row, pair, line: line ?? null };
  const turns = text.fault === undefined ? rowTurns(text.text, pair) : undefined;
  const facts = known === undefined ? factsOf(text, pair) : undefined;
  const own = {
    source: (known === undefined ? facts!.source : columns.source(known)) ?? null,
    lengths:
      known === undefined
        ? { characters: facts!.lengths, tokens: null }
        : { characters: lengthsOf(columns, known, 'characters'), tokens: lengthsOf(columns, known, 'tokens') },
    problems: known === undefined ? facts!.problems : problemNames(columns.problems(known)),
    margin: known === undefined ? null : (columns.margins?.of(columns, known) ?? null),
  };
  if (turns === undefined) {
    const shown = text.fault === undefined ? text.text : text.fault.what;
    return { ...base, ...own, pairs: 0, prompt: shownText(shown, LINE_LIMITS.most).text, role: null, turns: 0, chosen: [], rejected: [] };
  }
  const last = turns.prompt.at(-1);
  return {
    ...base,
    ...own,
    pairs: turns.pairs,
    prompt: last === undefined ? '' : shownText(last.text, LINE_LIMITS.most).text,
    role: last?.role ?? null,
    turns: turns.prompt.length,
    ...shownDiff(wordDiff(joined(turns.chosen), joined(turns.rejected), LINE_LIMITS)),
  };
}

/**
 * @param found what was found in the row by looking at others
 * @param problems the names of all that was found in it; undefined while that is not known
 */
export function pairView(place: LinePlace, text: RowText, found: readonly Finding[], problems?: readonly CheckName[]): PairView {
  const { row, pair, line } = place;
  const turns = text.fault === undefined ? rowTurns(text.text, pair) : undefined;
  const own = text.fault !== undefined ? [text.fault] : [...checkRow(text.text).problems, ...(text.isUtf8 ? [] : [invalidUtf8(text.text)])];
  // A row of another form than the others' is told that alone.
  const told = [...own, ...found].filter(({ check }) => problems?.includes(check) ?? true);
  const others = (problems ?? []).filter((check) => !told.some((problem) => problem.check === check));
  return {
    row,
    pair,
    pairs: turns?.pairs ?? 0,
    line: line ?? null,
    prompt: shownTurns(turns?.prompt ?? []),
    chosen: shownTurns(turns?.chosen ?? []),
    rejected: shownTurns(turns?.rejected ?? []),
    diff: shownDiff(wordDiff(joined(turns?.chosen ?? []), joined(turns?.rejected ?? []), PAIR_LIMITS)),
    problems: [
      ...told.map(({ check, what, advice }) => ({ check, what, advice })),
      ...others.map((check) => ({ check, what: '', advice: '' })),
    ],
    raw: turns === undefined ? shownText(text.text, PAIR_LIMITS.most).text : null,
  };
}

/** The texts of a pair as editors show them, whole: of plain text the text, of messages who says what. */
export function pairTexts(text: RowText, pair: number): Readonly<Record<(typeof PARTS)[number], string>> | undefined {
  const turns = text.fault === undefined ? rowTurns(text.text, pair) : undefined;
  return turns && { prompt: joined(turns.prompt), chosen: joined(turns.chosen), rejected: joined(turns.rejected) };
}

/** One text is itself; of several, each stands below who says it. */
function joined(turns: readonly Turn[]): string {
  if (turns.length === 1) return turns[0]!.text;
  return turns.map(({ role, text }) => (role === undefined ? text : `${role}:\n${text}`)).join('\n\n');
}

function shownTurns(turns: readonly Turn[]): ShownTurn[] {
  return turns.map(({ role, text }) => ({ role: role ?? null, ...shownText(text, PAIR_LIMITS.most) }));
}

function shownText(text: string, most: number): { readonly text: string; readonly isCut: boolean } {
  const { text: cut, isCut } = cutText(text, 0, most);
  return { text: `${printable(cut)}${isCut ? '…' : ''}`, isCut };
}

function shownDiff({ chosen, rejected }: WordDiff): WordDiff {
  const shown = (pieces: readonly DiffPiece[]): DiffPiece[] => pieces.map(({ kind, text }) => ({ kind, text: printable(text) }));
  return { chosen: shown(chosen), rejected: shown(rejected) };
}

function lengthsOf(columns: TableColumns, line: number, unit: Unit): Lengths | null {
  const [prompt, chosen, rejected] = PARTS.map((part) => columns.lengthOf(line, part, unit)) as [number, number, number];
  return prompt === UNKNOWN ? null : { prompt, chosen, rejected };
}

/** What a row tells before all rows were looked at. */
function factsOf(text: RowText, pair: number): Pick<TableLine, 'source' | 'problems'> & { readonly lengths: Lengths | null } {
  if (text.fault !== undefined) return { source: null, problems: [text.fault.check], lengths: null };
  const { facts, source, problems } = checkRow(text.text);
  const fact = facts[pair];
  return {
    source: source ?? null,
    problems: [...new Set([...problems.map(({ check }) => check), ...(text.isUtf8 ? [] : (['invalid-utf8'] as const))])],
    lengths: fact ? { prompt: fact.promptLength, chosen: fact.chosenLength, rejected: fact.rejectedLength } : null,
  };
}
