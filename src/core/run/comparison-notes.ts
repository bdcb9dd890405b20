import path from 'node:path';
import { WishboneError } from '../errors.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { LONGEST_NOTES, notesProblem } from './labels.js';

/**
 * `.wishbone/comparisons.json`, beside the folder of runs: what somebody wrote down about runs that were compared, in Markdown. The same
 * runs in another order are the same comparison.
 */
const COMPARISONS_FILE = 'comparisons.json';

interface Comparison {
  /** Ids, sorted. */
  readonly runs: readonly string[];
  readonly notes: string;
}

/** Notes on these runs together; empty when there are none, or the file is not one. @param folders of runs, two or more */
export async function readComparisonNotes(folders: readonly string[]): Promise<string> {
  const wanted = keyOf(folders);
  return (await readAll(fileOf(folders))).find(({ runs }) => runs.join('\n') === wanted)?.notes ?? '';
}

/** @throws WishboneError when the notes are too long, or the file cannot be written */
export async function writeComparisonNotes(folders: readonly string[], notes: string): Promise<void> {
  const file = fileOf(folders);
  const problem = notesProblem(notes);
  if (problem !== undefined) throw new WishboneError(problem, file, `shorten them to ${LONGEST_NOTES} characters`);
  const wanted = keyOf(folders);
  const others = (await readAll(file)).filter(({ runs }) => runs.join('\n') !== wanted);
  const own: Comparison[] = notes.trim() === '' ? [] : [{ runs: wanted.split('\n'), notes }];
  const text = JSON.stringify({ format: 'wishbone-comparisons', version: 1, comparisons: [...others, ...own] }, null, 2);
  await writeFileAtomically(file, (handle) => handle.writeFile(`${text}\n`));
}

function fileOf(folders: readonly string[]): string {
  return path.join(path.dirname(path.dirname(path.resolve(folders[0]!))), COMPARISONS_FILE);
}

function keyOf(folders: readonly string[]): string {
  return folders
    .map((folder) => path.basename(folder))
    .sort()
    .join('\n');
}

async function readAll(file: string): Promise<Comparison[]> {
  try {
    const value = JSON.parse(await readPlainText(file, mostBytes.settings)) as { readonly comparisons?: unknown } | null;
    return Array.isArray(value?.comparisons) ? value.comparisons.filter(isComparison) : [];
  } catch {
    return [];
  }
}

function isComparison(value: unknown): value is Comparison {
  if (typeof value !== 'object' || value === null) return false;
  const { runs, notes } = value as Readonly<Record<string, unknown>>;
  return Array.isArray(runs) && runs.every((run) => typeof run === 'string') && typeof notes === 'string' && notes.length <= LONGEST_NOTES;
}
