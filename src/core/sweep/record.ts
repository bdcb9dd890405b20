import path from 'node:path';
import { WishboneError } from '../errors.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';

/** How far a sweep is: `.wishbone/sweeps/<name>/sweep.json`. What its runs came to is in their folders. */
export interface SweepRecord {
  /** The run config that it is of, absolute. */
  readonly config: string;
  readonly trials: readonly TrialRecord[];
}

export interface TrialRecord {
  /** As in `Trial`. */
  readonly name: string;
  /** Of its run, absolute, once there is one. */
  readonly folder?: string | undefined;
  /** Why it came to nothing, or was passed over. */
  readonly skipped?: string | undefined;
}

/** Where a sweep keeps how far it is. */
export function sweepFile(runsFolder: string, name: string): string {
  return path.join(path.dirname(path.resolve(runsFolder)), 'sweeps', name.replace(/[^\p{L}\p{N}._-]+/gu, '-'), 'sweep.json');
}

/**
 * @returns undefined when the sweep has not begun
 * @throws WishboneError when the file is damaged
 */
export async function readSweep(file: string): Promise<SweepRecord | undefined> {
  let text: string;
  try {
    text = await readPlainText(file, mostBytes.settings);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const value = JSON.parse(text) as { readonly config?: unknown; readonly trials?: unknown };
    if (typeof value.config === 'string' && Array.isArray(value.trials) && value.trials.every(isTrial)) {
      return { config: value.config, trials: value.trials };
    }
  } catch {
    // Said below.
  }
  throw new WishboneError('the record of the sweep is damaged', file, 'remove it: its runs stay, and the sweep begins anew');
}

export async function writeSweep(file: string, record: SweepRecord): Promise<void> {
  const text = JSON.stringify({ format: 'wishbone-sweep', version: 1, ...record }, null, 2);
  await writeFileAtomically(file, (handle) => handle.writeFile(`${text}\n`));
}

function isTrial(value: unknown): value is TrialRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { name, folder, skipped } = value as Readonly<Record<string, unknown>>;
  const isTextOrNone = (field: unknown): boolean => field === undefined || typeof field === 'string';
  return typeof name === 'string' && isTextOrNone(folder) && isTextOrNone(skipped);
}
