import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { TRACKERS, type TrackerName } from './report-to.js';

/** An MLflow server's address, without name and password, and the experiment there. */
export interface MlflowPlace {
  readonly uri: string;
  readonly experiment: string;
}

/** A folder of Trackio's on this machine, or a server of its own. */
export interface TrackioPlace {
  readonly project: string;
  /** Absolute. */
  readonly folder?: string | undefined;
  readonly server?: string | undefined;
}

/** Where `wandb sync` is to put a run. */
export interface WandbPlace {
  readonly project: string;
  readonly entity?: string | undefined;
}

/** Where a run is sent. Secrets are no part of it. */
export interface Places {
  readonly mlflow?: MlflowPlace | undefined;
  readonly trackio?: TrackioPlace | undefined;
  readonly wandb?: WandbPlace | undefined;
}

/** `trackers.json` of a run folder: where it is sent, decided when the run is made, so that it goes on there whoever sends the rest. */
export interface AskedTrackers {
  /** Tells the run from all others there; 32 hexadecimal digits. */
  readonly key: string;
  readonly places: Places;
}

const TRACKERS_FILE = 'trackers.json';

/** The trackers that a run is sent to. */
export const trackersIn = ({ places }: AskedTrackers): readonly TrackerName[] => TRACKERS.filter((name) => places[name] !== undefined);

/** The trackers that a run is sent to, if any. */
export async function reportedTo(folder: string): Promise<readonly TrackerName[]> {
  const asked = await readAsked(folder);
  return asked === undefined ? [] : trackersIn(asked);
}

/** What a run folder says; undefined when it names no tracker. */
export async function readAsked(folder: string): Promise<AskedTrackers | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readPlainText(path.join(folder, TRACKERS_FILE), mostBytes.record));
  } catch {
    return undefined;
  }
  const { format, version, key, ...places } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (format !== 'wishbone-trackers' || version !== 1 || typeof key !== 'string' || !/^[0-9a-f]{32}$/.test(key)) return undefined;
  const text = (place: unknown, ...needed: string[]): Readonly<Record<string, string>> | undefined => {
    if (typeof place !== 'object' || place === null) return undefined;
    const texts = Object.entries(place).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    const known = Object.fromEntries(texts);
    return needed.every((name) => known[name] !== undefined && known[name] !== '') ? known : undefined;
  };
  const trackio = text(places['trackio'], 'project');
  const asked: AskedTrackers = {
    key,
    places: {
      mlflow: text(places['mlflow'], 'uri', 'experiment') as unknown as MlflowPlace | undefined,
      trackio: (trackio?.['folder'] ?? trackio?.['server']) === undefined ? undefined : (trackio as unknown as TrackioPlace),
      wandb: text(places['wandb'], 'project') as unknown as WandbPlace | undefined,
    },
  };
  return trackersIn(asked).length === 0 ? undefined : asked;
}

/**
 * Has a run sent to these places, beside those that it is sent to already; one that has begun goes on where it was.
 *
 * @throws WishboneError when the folder cannot be written
 */
export async function askFor(folder: string, places: Places): Promise<void> {
  const before = await readAsked(folder);
  const all: Places = { ...places, ...Object.fromEntries(Object.entries(before?.places ?? {}).filter(([, place]) => place !== undefined)) };
  if (TRACKERS.every((name) => all[name] === undefined)) return;
  const key = before?.key ?? randomUUID().replaceAll('-', '');
  const text = `${JSON.stringify({ format: 'wishbone-trackers', version: 1, key, ...all }, null, 2)}\n`;
  await writeFileAtomically(path.join(folder, TRACKERS_FILE), (handle) => handle.writeFile(text));
}
