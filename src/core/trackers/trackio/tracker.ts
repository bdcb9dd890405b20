import path from 'node:path';
import { type Refusal, send } from '../../download/index.js';
import { WishboneError } from '../../errors.js';
import { isTerminal } from '../../events/events.js';
import { SHARED_FILE, writeFileAtomically } from '../../files/atomic-file.js';
import { makeFolderOf } from '../../files/make-folders.js';
import type { TrackioPlace } from '../asked.js';
import type { DescribedRun } from '../described.js';
import { trackioToken } from '../places.js';
import { pointOf, rewritten } from '../points.js';
import type { Shipment, Tracker, TrackerContext } from '../tracker.js';

/** Of a request to a server. */
const MOST_RECORDS = 500;

/** A line of a fragment, or an entry of `bulk_log`. */
interface LogRecord {
  readonly project: string;
  readonly run: string;
  readonly run_id: string;
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly step: number;
  readonly timestamp: string;
  readonly config: DescribedRun['parameters'] | null;
  /** Trackio takes a record of the same id once. */
  readonly log_id: string;
}

/**
 * A run in Trackio, by what its own client falls back to where it cannot write its database itself (from 0.28 on): lines of JSON in its
 * `inbox` folder, which the dashboard takes in; or by the interface of a server of one's own.
 */
export class TrackioTracker implements Tracker {
  readonly #place: TrackioPlace;
  readonly #context: TrackerContext;

  constructor(place: TrackioPlace, context: TrackerContext) {
    this.#place = place;
    this.#context = context;
  }

  async send({ events, run, card, crashed }: Shipment): Promise<undefined> {
    const records: LogRecord[] = [];
    let last = 0;
    for (const event of events) {
      if (event.type === 'step' || event.type === 'eval') {
        const point = pointOf(event);
        records.push(this.#record(run, point, `${this.#context.key}-${point.seq}`, numbers(rewritten(point))));
        last = point.step;
      } else if (event.type === 'start' || isTerminal(event)) {
        const { seq, time, type } = event;
        const step =
          event.type === 'start'
            ? (event.resumedFrom ?? 0)
            : event.type === 'failed'
              ? last
              : event.type === 'finished'
                ? event.steps
                : event.step;
        const config = {
          ...run.parameters,
          'wishbone.state': type === 'start' ? 'running' : type,
          ...(event.type === 'start' ? { device: event.device, backend: event.backend, 'model/num_parameters': event.parameters } : {}),
          ...(run.tags.length === 0 ? {} : { tags: run.tags.join(', ') }),
          ...(card === undefined || event.type !== 'finished' ? {} : { model_card: card }),
        };
        records.push({ ...this.#record(run, { step, time }, `${this.#context.key}-${seq}`, {}), config });
      }
    }
    if (crashed !== undefined) {
      const config = { ...run.parameters, 'wishbone.state': 'failed' };
      const id = `${this.#context.key}-crashed-${crashed}`;
      records.push({ ...this.#record(run, { step: last, time: crashed }, id, {}), config });
    }
    if (records.length === 0) return undefined;
    if (this.#place.server === undefined) await this.#write(records);
    else await this.#post(this.#place.server, records);
    if (this.#context.remote['run'] !== run.name) await this.#context.keep({ run: run.name }, this.#place.server);
    return undefined;
  }

  #record(run: DescribedRun, { step, time }: { step: number; time: string }, log_id: string, metrics: LogRecord['metrics']): LogRecord {
    return { project: this.#place.project, run: run.name, run_id: this.#context.key, metrics, step, timestamp: time, config: null, log_id };
  }

  /** A fragment has a name of its own, by which its records go in at their place: they are taken in in the order of names. */
  async #write(records: readonly LogRecord[]): Promise<void> {
    const folder = path.join(this.#place.folder ?? '', 'inbox', `wishbone-${this.#context.key}`);
    const first = records[0]?.log_id.split('-').at(-1) ?? '';
    const name = `${(/^\d+$/.test(first) ? first : `9${Date.now()}`).padStart(16, '0')}.jsonl`;
    const text = records.map((record) => `${JSON.stringify({ v: 1, kind: 'metric', ...record })}\n`).join('');
    for (let attempt = 1; ; attempt++) {
      try {
        await makeFolderOf(path.join(folder, name));
        await writeFileAtomically(path.join(folder, name), (handle) => handle.writeFile(text), SHARED_FILE);
        return;
      } catch (error) {
        // The dashboard removes a folder that it has emptied.
        if (attempt === 3) throw error;
      }
    }
  }

  async #post(server: string, records: readonly LogRecord[]): Promise<void> {
    const token = trackioToken(this.#place, this.#context.variables);
    const headers = { 'Content-Type': 'application/json', ...(token === undefined ? {} : { 'X-Trackio-Write-Token': token }) };
    for (let at = 0; at < records.length; at += MOST_RECORDS) {
      const body = Buffer.from(JSON.stringify({ logs: records.slice(at, at + MOST_RECORDS), hf_token: null }));
      const sent = {
        method: 'POST' as const,
        headers,
        body,
        plain: true,
        refuse: (refusal: Refusal, text: string) => refused(server, refusal, text),
      };
      await send(`${server}/api/bulk_log`, sent, this.#context.network, this.#context.signal);
    }
  }
}

function refused(server: string, { status, statusText }: Refusal, text: string): WishboneError {
  const said = /"(?:error|detail)"\s*:\s*"((?:[^"\\]|\\.){1,300})/.exec(text)?.[1] ?? statusText;
  const advice = 'check TRACKIO_SERVER_URL, and TRACKIO_WRITE_TOKEN with it; `wishbone track` sends what is left';
  return new WishboneError(`Trackio answered ${status}: ${said}`, server, advice);
}

/** Trackio writes NaN as a text. */
const numbers = (values: Readonly<Record<string, number | null>>): Record<string, number | string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? 'NaN']));
