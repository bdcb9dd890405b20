import path from 'node:path';

import { writeFileAtomically } from '../files/atomic-file.js';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';

/**
 * `labels.json` of a run folder: how people call a run. Apart from `run.json`, which says what was computed and is never
 * changed once it is written.
 */
export interface RunLabels {
  /** In place of the name in `run.json`. */
  readonly name?: string;
  readonly tags: readonly string[];
  /** What somebody wrote down about the run, in Markdown. */
  readonly notes?: string;
  /** It stands before others in tables. */
  readonly pinned?: boolean;
}

export const LABELS_FILE = 'labels.json';

const MOST_TAGS = 20;
const LONGEST_NAME = 200;
const LONGEST_TAG = 40;
export const LONGEST_NOTES = 20_000;

/** A run's labels; none when there is no such file or it is not one, since a run can do without. */
export async function readLabels(folder: string): Promise<RunLabels> {
  try {
    const value: unknown = JSON.parse(await readPlainText(path.join(folder, LABELS_FILE), mostBytes.record));
    if (typeof value !== 'object' || value === null) return { tags: [] };
    const { name, tags, notes, pinned } = value as Readonly<Record<string, unknown>>;
    return {
      ...(typeof name === 'string' && nameProblem(name) === undefined ? { name } : {}),
      tags: Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string' && tag !== '') : [],
      ...(typeof notes === 'string' && notes !== '' && notesProblem(notes) === undefined ? { notes } : {}),
      ...(pinned === true ? { pinned } : {}),
    };
  } catch {
    return { tags: [] };
  }
}

/** @throws WishboneError when a label is not fit to be one, or the file cannot be written */
export async function writeLabels(folder: string, labels: RunLabels): Promise<void> {
  const file = path.join(folder, LABELS_FILE);
  const problem =
    (labels.name === undefined ? undefined : nameProblem(labels.name)) ?? tagsProblem(labels.tags) ?? notesProblem(labels.notes ?? '');
  if (problem !== undefined) throw new WishboneError(problem, file, 'choose another');
  const text = `${JSON.stringify({ format: 'wishbone-labels', version: 1, ...labels }, null, 2)}\n`;
  await writeFileAtomically(file, (handle) => handle.writeFile(text));
}

/** What is wrong with a name for a run, or undefined when it is good. */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'a name must not be empty';
  if (name.length > LONGEST_NAME) return `a name has at most ${LONGEST_NAME} characters`;
  return /[\0-\x1f\x7f]/.test(name) ? 'a name is a single line' : undefined;
}

/** What is wrong with a run's tags, or undefined when they are good. */
export function tagsProblem(tags: readonly string[]): string | undefined {
  if (tags.length > MOST_TAGS) return `a run has at most ${MOST_TAGS} tags`;
  const bad = tags.find((tag) => tag.length > LONGEST_TAG || !/^[^\s,#\0-\x1f]+$/.test(tag));
  return bad === undefined
    ? undefined
    : `"${bad.slice(0, LONGEST_TAG)}" is not a tag: use up to ${LONGEST_TAG} characters without spaces, commas or "#"`;
}

/** What is wrong with notes on a run, or undefined when they are good. */
export function notesProblem(notes: string): string | undefined {
  return notes.length > LONGEST_NOTES ? `notes have at most ${LONGEST_NOTES} characters` : undefined;
}

/** Tags as somebody types them: parted by commas or spaces, with or without `#`; each once. */
export function parseTags(text: string): string[] {
  const tags = text.split(/[\s,]+/).map((tag) => tag.replace(/^#+/, ''));
  return [...new Set(tags.filter((tag) => tag !== ''))];
}
