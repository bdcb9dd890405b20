import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomically } from '../files/atomic-file.js';
import { makeFolderOf } from '../files/make-folders.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import type { SweepRecord } from './record.js';

/** What a queue at work is told by another process. */
export interface Order {
  /** Stop the runs at work after their step, and start none. */
  readonly pause?: boolean | undefined;
  /** Pass over the runs whose name contains this. */
  readonly skip?: string | undefined;
  /** Take the runs whose name contains this before the others. */
  readonly first?: string | undefined;
  /** The texts are whole names: `seed=1` is not `seed=10`. */
  readonly exactly?: boolean | undefined;
}

/** Why a trial has no run that somebody passed over. */
export const PASSED_OVER = 'passed over';

/** The part of a sweep's record that orders change. */
export type Ordered = Pick<SweepRecord, 'trials' | 'first'>;

/** The record once an order has been obeyed, but for a pause. */
export function obeyed<R extends Ordered>(record: R, { skip, first, exactly }: Order): R {
  const isMeant = (name: string, text: string): boolean => (exactly === true ? name === text : name.includes(text));
  const trials =
    skip === undefined
      ? record.trials
      : record.trials.map((trial) => (isMeant(trial.name, skip) ? { ...trial, skipped: PASSED_OVER } : trial));
  if (first === undefined) return { ...record, trials };
  const named = trials.filter(({ name }) => isMeant(name, first)).map(({ name }) => name);
  return { ...record, trials, first: [...named, ...(record.first ?? []).filter((name) => !named.includes(name))] };
}

const ENDING = '.json';

function folderOf(sweepFile: string): string {
  return path.join(path.dirname(sweepFile), 'orders');
}

/** Leaves an order for the queue: a file of its own each, so that none is lost whoever writes and reads at once. */
export async function giveOrder(sweepFile: string, order: Order): Promise<void> {
  const folder = folderOf(sweepFile);
  const file = path.join(folder, `${String(Date.now()).padStart(15, '0')}-${randomUUID()}${ENDING}`);
  await makeFolderOf(file);
  await writeFileAtomically(file, (handle) => handle.writeFile(JSON.stringify(order)));
}

/** The orders that wait, oldest first. Each stays until {@link removeOrder}, once its effect is on record. */
export async function takeOrders(sweepFile: string): Promise<{ readonly file: string; readonly order: Order }[]> {
  const folder = folderOf(sweepFile);
  const names = await readdir(folder).catch(() => []);
  const orders = names
    .filter((name) => name.endsWith(ENDING))
    .sort()
    .map(async (name) => ({ file: path.join(folder, name), order: await readOrder(path.join(folder, name)) }));
  return Promise.all(orders);
}

export async function removeOrder(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** One that cannot be read says nothing. */
async function readOrder(file: string): Promise<Order> {
  try {
    const { pause, skip, first, exactly } = JSON.parse(await readPlainText(file, mostBytes.record)) as Readonly<Record<string, unknown>>;
    return {
      pause: pause === true,
      skip: typeof skip === 'string' ? skip : undefined,
      first: typeof first === 'string' ? first : undefined,
      exactly: exactly === true,
    };
  } catch {
    return {};
  }
}
