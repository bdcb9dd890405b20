import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { writeFileAtomically } from '../files/atomic-file.js';
import { ExitCode, WishboneError } from '../errors.js';
import { makeFolders } from '../files/make-folders.js';
import { openPlain } from '../files/plain-file.js';
import type { Sharing } from '../options/index.js';
import type { PhaseSeconds, SpeedupRequest, SpeedupResult } from './measure.js';

/** Where a workspace keeps what was measured, relative to the workspace folder. A file a measurement. */
export const SPEEDUPS_FOLDER = path.join('.wishbone', 'speedups');

const SUFFIX = '.json';
/** Those that are read: older ones stay on the disk. */
const MOST_RECORDS = 200;
/** Larger files are none of ours. */
const MOST_BYTES = 1024 * 1024;
const MOST_ROUNDS = 1000;

/** One measurement (docs/formats.md). */
export interface SpeedupRecord {
  readonly format: 'wishbone-speedup';
  readonly version: 1;
  /** ISO 8601, UTC. */
  readonly measured: string;
  readonly dataset: { readonly path: string };
  readonly model: { readonly path: string; readonly parameters: number };
  readonly plan: {
    readonly sharing: Sharing;
    readonly capacity: number;
    readonly batch_size: number;
    readonly max_length: number;
    readonly seed: number;
  };
  readonly device: string;
  readonly threads: number;
  readonly pairs: number;
  readonly steps: number;
  /** Seconds for all steps. */
  readonly rounds: readonly { readonly sharedSeconds: number; readonly naiveSeconds: number }[];
  readonly sharedTokens: number;
  readonly naiveTokens: number;
  /** Required, of a round. */
  readonly sharedFlops: number;
  readonly naiveFlops: number;
  /** Measured rate of matrix products, FLOP/s. */
  readonly ceilingFlops: number;
  readonly predictedRatio: number;
  readonly phases?: { readonly shared: PhaseSeconds; readonly naive: PhaseSeconds };
}

/** A measurement with the name of its file. */
export interface StoredSpeedup {
  readonly id: string;
  readonly record: SpeedupRecord;
}

export function speedupRecord(request: SpeedupRequest, result: SpeedupResult, now = new Date()): SpeedupRecord {
  const { batch_size, max_length, seed } = request.plan;
  const { capacity } = result.plan;
  const { device, threads, pairs, steps, rounds, sharedTokens, naiveTokens, sharedFlops, naiveFlops } = result;
  return {
    format: 'wishbone-speedup',
    version: 1,
    measured: now.toISOString(),
    dataset: {
      path: [request.dataset]
        .flat()
        .map((name) => path.resolve(name))
        .join(', '),
    },
    model: { path: path.resolve(request.model), parameters: result.plan.parameters },
    plan: { sharing: result.plan.sharing, capacity, batch_size, max_length, seed },
    ...{ device, threads, pairs, steps, rounds, sharedTokens, naiveTokens, sharedFlops, naiveFlops },
    ceilingFlops: result.ceilingFlops,
    predictedRatio: result.predictedRatio,
    ...(result.phases === undefined ? {} : { phases: result.phases }),
  };
}

/**
 * Keeps a measurement, as a file of its own so that nobody has to wait for anybody.
 *
 * @throws WishboneError when the folder cannot be written
 */
export async function saveSpeedup(folder: string, record: SpeedupRecord): Promise<StoredSpeedup> {
  const made = await makeFolders(folder).catch((error: unknown) => {
    const what = `cannot make the folder of measurements: ${(error as Error).message}`;
    throw new WishboneError(what, folder, 'choose a folder you may write to', ExitCode.cannotWrite);
  });
  // Measurements of one machine do not belong into a repository unless somebody wants them there.
  if (made !== undefined) await writeFile(path.join(folder, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => undefined);
  const stamp = record.measured.slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const id = `${stamp}-${randomBytes(3).toString('hex')}`;
  await writeFileAtomically(path.join(folder, id + SUFFIX), (file) => file.writeFile(`${JSON.stringify(record, null, 2)}\n`));
  return { id, record };
}

/** What was measured, newest first; files that are something else are passed over. */
export async function listSpeedups(folder: string): Promise<StoredSpeedup[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names
    .filter((name) => name.endsWith(SUFFIX) && !name.startsWith('.'))
    .sort()
    .reverse();
  const records: StoredSpeedup[] = [];
  for (const name of files.slice(0, MOST_RECORDS)) {
    const record = await readRecord(path.join(folder, name));
    if (record !== undefined) records.push({ id: name.slice(0, -SUFFIX.length), record });
  }
  return records;
}

async function readRecord(file: string): Promise<SpeedupRecord | undefined> {
  try {
    const handle = await openPlain(file);
    try {
      if ((await handle.stat()).size > MOST_BYTES) return undefined;
      return parseSpeedup(await handle.readFile('utf8'));
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/** A record as a file holds it, or undefined when it is none: every number in it is finite and of the right sign. */
export function parseSpeedup(json: string): SpeedupRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isFields(value) || value['format'] !== 'wishbone-speedup' || value['version'] !== 1) return undefined;
  const { measured, dataset, model, plan, device, rounds, phases } = value;
  const good =
    typeof measured === 'string' &&
    !Number.isNaN(Date.parse(measured)) &&
    isFields(dataset) &&
    typeof dataset['path'] === 'string' &&
    isFields(model) &&
    typeof model['path'] === 'string' &&
    isAmount(model['parameters']) &&
    isFields(plan) &&
    ['pair', 'tree'].includes(plan['sharing'] as string) &&
    ['capacity', 'batch_size', 'max_length', 'seed'].every((name) => Number.isSafeInteger(plan[name])) &&
    typeof device === 'string' &&
    ['pairs', 'steps', 'threads'].every((name) => Number.isSafeInteger(value[name]) && isAmount(value[name])) &&
    ['sharedTokens', 'naiveTokens', 'sharedFlops', 'naiveFlops', 'ceilingFlops', 'predictedRatio'].every((name) =>
      isPositive(value[name]),
    ) &&
    Array.isArray(rounds) &&
    rounds.length > 0 &&
    rounds.length <= MOST_ROUNDS &&
    rounds.every((round) => isFields(round) && isPositive(round['sharedSeconds']) && isPositive(round['naiveSeconds'])) &&
    (phases === undefined || (isFields(phases) && isPhases(phases['shared']) && isPhases(phases['naive'])));
  return good ? (value as unknown as SpeedupRecord) : undefined;
}

function isPhases(value: unknown): boolean {
  return isFields(value) && ['reference', 'forward', 'backward'].every((name) => isAmount(value[name]));
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isPositive(value: unknown): boolean {
  return isAmount(value) && (value as number) > 0;
}
