import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { PRIVATE_FOLDER, writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import type { TrackerName } from './report-to.js';

/** How far into a run's log a tracker is. */
export interface Cursor {
  /** Where in `events.jsonl` the next line begins. */
  readonly bytes: number;
  /** The last event that it has; -1 for none. */
  readonly seq: number;
}

/** What is wrong, in words for a person. */
export interface Trouble {
  readonly what: string;
  readonly where: string;
  readonly advice: string;
}

/** `trackers/<name>.json` of a run folder: what a tracker has of the run. Only the process that sends writes it. */
export interface TrackerRecord {
  readonly cursor: Cursor;
  /** What the tracker calls the run, and the like: to go on with it. */
  readonly remote: Readonly<Record<string, string>>;
  /** Its page there. */
  readonly url?: string | undefined;
  /** All of the run that there is was sent, and how it ended. */
  readonly complete: boolean;
  /** Why it is not at the moment. */
  readonly trouble?: Trouble | undefined;
}

export const TRACKERS_FOLDER = 'trackers';
const NOTHING: TrackerRecord = { cursor: { bytes: 0, seq: -1 }, remote: {}, complete: false };

/** Makes the folder that all of this is in. One of a run that was removed is not made again. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(path.join(folder, TRACKERS_FOLDER), { mode: PRIVATE_FOLDER }).catch(() => undefined);
}

const fileOf = (folder: string, name: TrackerName): string => path.join(folder, TRACKERS_FOLDER, `${name}.json`);

/** What a tracker has; nothing when no record can be read. */
export async function readRecord(folder: string, name: TrackerName): Promise<TrackerRecord> {
  let value: unknown;
  try {
    value = JSON.parse(await readPlainText(fileOf(folder, name), mostBytes.record));
  } catch {
    return NOTHING;
  }
  const { format, version, bytes, seq, remote, url, complete, trouble } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (format !== 'wishbone-tracker' || version !== 1 || !Number.isSafeInteger(bytes) || !Number.isSafeInteger(seq)) return NOTHING;
  return {
    cursor: { bytes: Math.max(0, bytes as number), seq: seq as number },
    remote: textsOf(remote),
    url: typeof url === 'string' && /^https?:\/\//.test(url) ? url : undefined,
    complete: complete === true,
    trouble: isTrouble(trouble) ? trouble : undefined,
  };
}

/** @throws WishboneError when the folder cannot be written */
export async function writeRecord(folder: string, name: TrackerName, record: TrackerRecord): Promise<void> {
  const { cursor, ...rest } = record;
  const text = `${JSON.stringify({ format: 'wishbone-tracker', version: 1, ...cursor, ...rest }, null, 2)}\n`;
  await makeFolder(folder);
  await writeFileAtomically(fileOf(folder, name), (handle) => handle.writeFile(text));
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function isTrouble(value: unknown): value is Trouble {
  const { what, where, advice } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return [what, where, advice].every((text) => typeof text === 'string');
}
