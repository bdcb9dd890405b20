import path from 'node:path';
import { fileLines } from './file-lines.js';
import { checkRow } from './row.js';
import { fileKind, isPlainKind } from '../dataset/file-kinds.js';
import { isSideFile } from './edits.js';

/** What a file is for, as its name tells. */
export type SplitRole = 'train' | 'eval';

/** The prompts of another file, which no row may share. */
export interface PromptIndex {
  /** Absolute path. */
  readonly file: string;
  /** For messages to people. */
  readonly name: string;
  readonly role: SplitRole;
  /** 0-based line of each prompt, by the hash of `PairFacts.question`. */
  readonly lines: ReadonlyMap<string, number>;
}

const EVAL_WORDS = /(^|[^a-z0-9])(?:eval|evaluation|test|testing|valid|validation|val|dev|holdout|heldout)(?=$|[^a-z0-9])/i;
const TRAIN_WORDS = /(^|[^a-z0-9])(?:train|training)(?=$|[^a-z0-9])/i;

/** What a file's name says it is for, and what is left of the name without that: `hh-test.jsonl` is eval of `hh`. */
export function splitOf(name: string): { readonly role: SplitRole; readonly stem: string } {
  const base = isPlainKind(name, 'jsonl', 'json') ? fileKind(name).stem : name;
  const role = EVAL_WORDS.test(base) ? 'eval' : 'train';
  const stem = base.replace(role === 'eval' ? EVAL_WORDS : TRAIN_WORDS, '$1').replace(/[^a-z0-9]+/gi, ' ');
  return { role, stem: stem.trim().toLowerCase() };
}

/**
 * The files in the same folder that hold the other side of a file's split, by their names: `pairs.jsonl` and
 * `pairs.eval.jsonl`, `train.jsonl` and `test.jsonl`, `hh-train.jsonl` and `hh-validation.jsonl`.
 *
 * @param names all names in the folder
 */
export function otherSide(name: string, names: readonly string[]): string[] {
  const { role, stem } = splitOf(name);
  return names
    .filter((other) => isPlainKind(other, 'jsonl') && !isSideFile(other))
    .filter((other) => {
      const split = splitOf(other);
      return split.role !== role && split.stem === stem;
    })
    .sort();
}

/**
 * Reads the prompts of a preference file. JSON lines only: a list is left out, for it would have to be held whole.
 *
 * @throws the error of the file system when it cannot be read, or the signal's reason
 */
export async function readPrompts(file: string, role: SplitRole, signal?: AbortSignal): Promise<PromptIndex> {
  const lines = new Map<string, number>();
  for await (const { text, line } of fileLines(file, signal)) {
    for (const { question } of checkRow(text).facts.slice(0, 1)) {
      if (question !== undefined && !lines.has(question)) lines.set(question, line);
    }
  }
  return { file, name: path.basename(file), role, lines };
}
