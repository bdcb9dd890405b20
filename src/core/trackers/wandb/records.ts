import type { WandbPlace } from '../asked.js';
import type { DescribedRun } from '../described.js';
import { Message } from './protobuf.js';

/** The number that a record has in the union of all (wandb's `wandb_internal.proto`, of which a client reads those of its older ones). */
const FIELD = { history: 2, summary: 3, config: 5, files: 6, metric: 12, run: 17, exit: 18, header: 21 } as const;
const NUMBER = 1;
const VALUE = 16;

/** What W&B's own client of 2026 says that a reader has to know at least. */
const LEAST_CLIENT = '0.70.0';

/** A record by its number, from 1. */
export type RecordOf = (number: number) => Message;

const record =
  (field: number, content: Message): RecordOf =>
  (number) =>
    new Message().number(NUMBER, number).message(field, content);

/** JSON as Python writes and reads it: with a word for what is not finite. */
const json = (value: unknown): string => (value === null ? 'NaN' : JSON.stringify(value));

export const headerRecord = (version: string): RecordOf =>
  record(FIELD.header, new Message().message(1, new Message().text(1, `wishbone ${version}`).text(2, LEAST_CLIENT)));

/** @param id of the run there */
export function runRecord(id: string, { project, entity = '' }: WandbPlace, run: DescribedRun): RecordOf {
  const milliseconds = Date.parse(run.created);
  const time = new Message().number(1, Math.floor(milliseconds / 1000)).number(2, (milliseconds % 1000) * 1_000_000);
  const message = new Message().text(1, id).text(2, entity).text(3, project).message(4, config(run.parameters));
  message.text(8, run.name).text(9, run.notes);
  for (const tag of run.tags) message.text(10, tag);
  return record(FIELD.run, message.message(17, time));
}

/** All metrics are over the steps of the run, as transformers' WandbCallback has it. */
export const stepMetricRecord = (): RecordOf =>
  record(FIELD.metric, new Message().text(2, '*').text(4, 'train/global_step').message(6, new Message().number(1, true).number(3, true)));

export const configRecord = (values: Readonly<Record<string, unknown>>): RecordOf => record(FIELD.config, config(values));

function config(values: Readonly<Record<string, unknown>>): Message {
  const message = new Message();
  for (const [key, value] of Object.entries(values)) message.message(1, new Message().text(1, key).text(VALUE, json(value)));
  return message;
}

/** A row of the history. Names are one word each, whatever is in them. @param at its place, from 0 */
export function historyRecord(at: number, values: Readonly<Record<string, number | null>>): RecordOf {
  const message = new Message();
  for (const [key, value] of Object.entries(values)) message.message(1, new Message().text(2, key).text(VALUE, json(value)));
  return record(FIELD.history, message.message(2, new Message().number(1, at)));
}

/** The latest of each value. */
export function summaryRecord(values: Readonly<Record<string, number | null>>): RecordOf {
  const message = new Message();
  for (const [key, value] of Object.entries(values)) message.message(1, new Message().text(2, key).text(VALUE, json(value)));
  return record(FIELD.summary, message);
}

/** A file of the run's `files` folder that goes with it. */
export const fileRecord = (name: string): RecordOf =>
  record(FIELD.files, new Message().message(1, new Message().text(1, name).number(3, 1)));

/** @param code of the process: 0 finished; W&B's client has 255 for what was interrupted */
export const exitRecord = (code: number, seconds: number): RecordOf => record(FIELD.exit, new Message().number(1, code).number(2, seconds));
