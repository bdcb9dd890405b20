import { WishboneError } from '../errors.js';
import { readEventEnds } from '../events/event-ends.js';
import type { DecidedRunner, RunnerOptions } from '../options/index.js';
import { activeRuns, readRun } from '../run/folder.js';
import { isElsewhere, readProcessRecord } from '../run/process-record.js';
import { readJobRecord } from '../slurm/job-record.js';
import type { SlurmTarget } from '../slurm/target.js';
import { autoBackend, type BackendInfo, type DeviceInfo } from './runner-info.js';

/** Which runs are at work on a GPU of this machine, by its number: their names. */
export type DevicesInUse = ReadonlyMap<number, string>;

/** What is known where devices are decided. */
export interface DeviceMeans {
  readonly backends: readonly BackendInfo[];
  readonly inUse: DevicesInUse;
  /** Pairs of a step: more devices than that have nothing to do. */
  readonly batchSize: number;
}

/** The GPUs that runs of these folders are at work on, as far as they say. */
export async function devicesInUse(runsFolders: readonly string[]): Promise<DevicesInUse> {
  const inUse = new Map<number, string>();
  for (const runs of runsFolders) {
    for (const folder of await activeRuns(runs)) {
      const [run, job, record] = await Promise.all([
        readRun(folder).catch(() => undefined),
        readJobRecord(folder),
        readProcessRecord(folder),
      ]);
      // Other machines have GPUs of their own.
      if (job?.id !== undefined || (record !== undefined && (await isElsewhere(record)))) continue;
      if (run === undefined || run.config.runner.backend === 'cpu') continue;
      const start = (await readEventEnds(folder)).filter(({ type }) => type === 'start').at(-1);
      if (start?.type === 'start' && start.backend === 'cpu') continue;
      for (const device of gpusOf(run.config.runner)) if (!inUse.has(device)) inUse.set(device, run.config.name);
    }
  }
  return inUse;
}

/** The numbers of the GPUs that a run takes. */
export function gpusOf({ devices, device }: Pick<DecidedRunner, 'devices' | 'device'>): readonly number[] {
  return typeof devices === 'number' ? Array.from({ length: devices }, (_, i) => device + i) : devices;
}

/** GPUs that the runner can use. */
export function gpus(backends: readonly BackendInfo[]): readonly DeviceInfo[] {
  return backends.find(({ name, available }) => name === 'cuda' && available)?.devices ?? [];
}

/** Why several GPUs, where there are several, cannot work on one run; undefined where they can. */
export function whyApart(backends: readonly BackendInfo[]): string | undefined {
  return backends.find(({ name, available }) => name === 'cuda' && available)?.apart;
}

/**
 * What a run will have as its devices: what was asked for, or where that is "auto" the GPUs that no other run uses (but no more than
 * a step has pairs, and one where several cannot work together), or the one that `device` names; on a CPU one.
 *
 * @throws WishboneError when more are asked for than there are, or none is free
 */
export function decideDevices(runner: RunnerOptions, { backends, inUse, batchSize }: DeviceMeans): DecidedRunner {
  const { devices, device } = runner;
  const backend = runner.backend === 'auto' ? autoBackend(backends) : runner.backend;
  if (backend === 'cpu') {
    if (typeof devices === 'object') throw refusal('GPUs are named, but the run would be on the CPU', 'give a number of devices');
    return { ...runner, devices: devices === 'auto' ? 1 : devices };
  }
  const there = gpus(backends);
  // Where the runner finds none, its own words say more than these would.
  if (there.length === 0) return { ...runner, devices: devices === 'auto' ? 1 : devices };
  if (devices !== 'auto' || device !== 0) {
    const decided = { ...runner, devices: devices === 'auto' ? 1 : devices };
    const missing = gpusOf(decided).find((number) => number >= there.length);
    if (missing === undefined) return decided;
    const have = there.length === 1 ? 'there is one GPU, number 0' : `there are ${there.length} GPUs, numbers 0 to ${there.length - 1}`;
    const what = typeof devices === 'object' || devices === 'auto' ? `there is no GPU ${missing}` : `${devices} devices are asked for`;
    throw refusal(`${what}, but ${have}`, 'ask for fewer, or "auto" for all that are free');
  }
  const free = there.flatMap((_, number) => (inUse.has(number) ? [] : [number]));
  if (free.length === 0) {
    const runs = [...new Set(inUse.values())].join(', ');
    throw refusal(`every GPU is used by another run: ${runs}`, 'wait until it ends, or name the devices all the same: devices [0]');
  }
  const taken = free.slice(0, whyApart(backends) === undefined ? Math.max(1, batchSize) : 1);
  const fromFirst = taken.every((number, at) => number === at);
  return { ...runner, devices: fromFirst ? taken.length : taken };
}

/**
 * What a run on a cluster will have as its devices on each machine: as many GPUs as the target asks for there.
 *
 * @throws WishboneError when more are asked for, or which
 */
export function decideTargetDevices(runner: RunnerOptions, target: Pick<SlurmTarget, 'name' | 'gpusPerNode'>): DecidedRunner {
  const { devices, backend } = runner;
  const { gpusPerNode, name } = target;
  if (typeof devices === 'object')
    throw refusal('GPUs are named, but Slurm decides which a job gets', 'give a number of devices, or "auto"');
  if (devices === 'auto') return { ...runner, devices: backend === 'cpu' ? 1 : Math.max(1, gpusPerNode) };
  if (backend !== 'cpu' && devices > gpusPerNode && gpusPerNode > 0)
    throw refusal(`${devices} devices are asked for, but the target ${name} asks for ${gpusPerNode} GPUs a node`, 'make them the same');
  return { ...runner, devices };
}

function refusal(what: string, advice: string): WishboneError {
  return new WishboneError(what, 'runner.devices', advice);
}
