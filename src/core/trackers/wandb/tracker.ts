import { mkdir, open, rm } from 'node:fs/promises';
import { constants } from 'node:fs';
import path from 'node:path';
import { isTerminal } from '../../events/events.js';
import { PRIVATE_FILE, PRIVATE_FOLDER, cannotWrite, writeFileAtomically } from '../../files/atomic-file.js';
import type { WandbPlace } from '../asked.js';
import { pointOf, rewritten } from '../points.js';
import type { Ending, Shipment, Tracker, TrackerContext } from '../tracker.js';
import { framed, LOG_HEADER } from './log-file.js';
import {
  configRecord,
  exitRecord,
  fileRecord,
  headerRecord,
  historyRecord,
  type RecordOf,
  runRecord,
  stepMetricRecord,
  summaryRecord,
} from './records.js';

/** Folder of a run's offline runs. */
export const WANDB_FOLDER = 'wandb';
const CARD = 'README.md';
/** W&B's client ends with 255 when it is interrupted. */
const EXIT_CODES: Readonly<Record<Ending, number>> = { finished: 0, stopped: 255, failed: 1 };

/** What is known of the file: it is cut to what was taken for sent before more is written. */
interface Written {
  readonly id: string;
  /** Folder of the offline run. */
  readonly folder: string;
  /** Bytes before the record that says how the run ended: a run that goes on has not. */
  readonly bytes: number;
  readonly records: number;
  readonly rows: number;
}

/**
 * A run as an offline run of W&B's, in the run's own folder, as its client writes it without a network; `wandb sync` uploads it, also more
 * than once: the whole run each time, under the same id.
 */
export class WandbTracker implements Tracker {
  readonly #place: WandbPlace;
  readonly #context: TrackerContext;
  #written: Written | undefined;

  constructor(place: WandbPlace, context: TrackerContext) {
    this.#place = place;
    this.#context = context;
    const { id, folder, bytes, records, rows } = context.remote;
    const counts = [bytes, records, rows].map(Number);
    // What the record says of files may come from anywhere.
    const isOurs = id === this.#id && folder !== undefined && /^offline-run-\d{8}_\d{6}-[0-9a-f]+$/.test(folder);
    if (!isOurs || !counts.every((count) => Number.isSafeInteger(count) && count >= 0)) return;
    this.#written = { id, folder, bytes: Number(bytes), records: Number(records), rows: Number(rows) };
  }

  async send({ events, run, card, crashed }: Shipment): Promise<Readonly<Record<string, string>> | undefined> {
    const before = (this.#written ??= this.#begun(events[0]?.time ?? run.created));
    const own = path.join(this.#context.folder, WANDB_FOLDER, before.folder);
    const records: RecordOf[] = [];
    if (before.bytes === 0) records.push(headerRecord(run.version ?? '0'), runRecord(before.id, this.#place, run), stepMetricRecord());
    const started = Date.parse(run.created);
    const seconds = (time: string): number => Math.max(0, (Date.parse(time) - started) / 1000);
    let { rows } = before;
    let ending: RecordOf | undefined;
    const latest: Record<string, number | null> = {};
    for (const event of events) {
      if (event.type === 'step' || event.type === 'eval') {
        const values = {
          ...rewritten(pointOf(event)),
          _step: rows,
          _runtime: seconds(event.time),
          _timestamp: Date.parse(event.time) / 1000,
        };
        records.push(historyRecord(rows, values));
        Object.assign(latest, values);
        rows++;
      } else if (event.type === 'start') {
        ending = undefined;
        const { device, backend, parameters } = event;
        const git = run.git === undefined ? {} : { 'git.commit': run.git.commit, 'git.dirty': run.git.dirty };
        records.push(configRecord({ ...run.parameters, ...git, device, backend, 'model/num_parameters': parameters }));
      } else if (isTerminal(event)) {
        if (event.type === 'finished' && card !== undefined) {
          await makeFolders(path.dirname(own), own, path.join(own, 'files'));
          await writeFileAtomically(path.join(own, 'files', CARD), (handle) => handle.writeFile(card));
          records.push(fileRecord(CARD));
        }
        ending = exitRecord(EXIT_CODES[event.type], Math.round(seconds(event.time)));
      }
    }
    if (crashed !== undefined) ending = exitRecord(EXIT_CODES.failed, Math.round(seconds(crashed)));
    if (Object.keys(latest).length > 0) records.push(summaryRecord(latest));
    this.#written = await write(own, { ...before, rows }, records, ending);
    return Object.fromEntries(Object.entries(this.#written).map(([name, value]) => [name, String(value)]));
  }

  get #id(): string {
    return this.#context.key.slice(0, 12);
  }

  #begun(time: string): Written {
    const id = this.#id;
    const stamp = new Date(time).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '_');
    return { id, folder: `offline-run-${stamp}-${id}`, bytes: 0, records: 0, rows: 0 };
  }
}

/** Each in one that is there: a run that was removed is not made again. */
async function makeFolders(...folders: readonly string[]): Promise<void> {
  for (const folder of folders) await mkdir(folder, { mode: PRIVATE_FOLDER }).catch(() => undefined);
}

async function write(own: string, before: Written, records: readonly RecordOf[], ending: RecordOf | undefined): Promise<Written> {
  await makeFolders(path.dirname(own), own);
  const file = path.join(own, `run-${before.id}.wandb`);
  const encoded = records.map((make, at) => make(before.records + at + 1).encoded());
  const head = before.bytes === 0 ? LOG_HEADER : Buffer.alloc(0);
  const body = Buffer.concat([head, framed(encoded, before.bytes + head.length)]);
  const bytes = before.bytes + body.length;
  const end = ending === undefined ? Buffer.alloc(0) : framed([ending(before.records + records.length + 1).encoded()], bytes);
  // Never through a link: what is there is cut.
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (before.bytes === 0 ? constants.O_CREAT : 0);
  const handle = await open(file, flags, PRIVATE_FILE).catch((error: unknown) => {
    throw cannotWrite(file, error);
  });
  try {
    await handle.truncate(before.bytes);
    const all = Buffer.concat([body, end]);
    let at = 0;
    while (at < all.length) at += (await handle.write(all, at, all.length - at, before.bytes + at)).bytesWritten;
    await handle.datasync();
  } finally {
    await handle.close();
  }
  // It was uploaded before this came.
  await rm(`${file}.synced`, { force: true });
  return { ...before, bytes, records: before.records + records.length };
}
