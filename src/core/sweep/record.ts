import path from 'node:path';
import { WishboneError } from '../errors.js';
import { writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import type { Rung } from './rungs.js';

/** How far a sweep is: `.wishbone/sweeps/<name>/sweep.json`. What its runs came to is in their folders. */
export interface SweepRecord {
  /** As it was given, before it became the name of a folder; older records lack it. */
  readonly name?: string | undefined;
  /** The run config that it is of, absolute. */
  readonly config: string;
  readonly trials: readonly TrialRecord[];
  /** So many runs at once when it was started last. */
  readonly parallel?: number | 'auto' | undefined;
  /** Names of the trials that come first, in their order. */
  readonly first?: readonly string[] | undefined;
  /** What was decided at the rungs, and by which block (its JSON): another one decides anew. */
  readonly halving?: { readonly by: string; readonly rungs: readonly Rung[] } | undefined;
}

export interface TrialRecord {
  /** As in `Trial`. */
  readonly name: string;
  /** Of its run, absolute, once there is one. */
  readonly folder?: string | undefined;
  /** What it was begun with: see `settingsHash`. */
  readonly settings?: string | undefined;
  /** Why it came to nothing, or was passed over. */
  readonly skipped?: string | undefined;
  /** The step of the rung at which the queue stopped it for good. Somebody may have resumed it since. */
  readonly early?: number | undefined;
}

export const SWEEP_FILE = 'sweep.json';

/** Where the sweeps are whose runs are kept here. */
export function sweepsFolder(runsFolder: string): string {
  return path.join(path.dirname(path.resolve(runsFolder)), 'sweeps');
}

/** Where a sweep keeps how far it is. */
export function sweepFile(runsFolder: string, name: string): string {
  return path.join(sweepsFolder(runsFolder), name.replace(/[^\p{L}\p{N}._-]+/gu, '-'), SWEEP_FILE);
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
    const { name, config, trials, parallel, first, halving } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const isNamed = name === undefined || typeof name === 'string';
    const isWhole = (first === undefined || isNames(first)) && (halving === undefined || isHalving(halving));
    if (isNamed && typeof config === 'string' && Array.isArray(trials) && trials.every(isTrial) && isWhole) {
      return { name, config, trials, parallel: parallel === 'auto' || isCount(parallel) ? parallel : undefined, first, halving };
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

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isTrial(value: unknown): value is TrialRecord {
  if (!isRecord(value)) return false;
  const { name, folder, settings, skipped, early } = value;
  const isTextOrNone = (field: unknown): boolean => field === undefined || typeof field === 'string';
  return typeof name === 'string' && [folder, settings, skipped].every(isTextOrNone) && (early === undefined || Number.isInteger(early));
}

function isHalving(value: unknown): value is SweepRecord['halving'] {
  return isRecord(value) && typeof value['by'] === 'string' && Array.isArray(value['rungs']) && value['rungs'].every(isRung);
}

function isRung(value: unknown): value is Rung {
  if (!isRecord(value)) return false;
  const { step, values, on } = value;
  const isValue = (each: unknown): boolean => each === null || typeof each === 'number';
  return Number.isInteger(step) && isRecord(values) && Object.values(values).every(isValue) && isNames(on);
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
