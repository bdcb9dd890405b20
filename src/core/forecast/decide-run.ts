import type { DecidedRunner, PlanOptions, RunnerOptions, TrainingOptions } from '../options/index.js';
import { deviceCount } from '../options/index.js';
import { decideDevices, decideTargetDevices, devicesInUse } from '../runner/index.js';
import { type BackendInfo, runnerBackends } from '../runner/runner-info.js';
import type { SlurmTarget } from '../slurm/index.js';
import { suitedCapacity } from './capacity.js';

/** A run of which something is left to be decided. */
export interface UndecidedRun {
  /** Folder of the model. */
  readonly model: string;
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  /** Where it will run; on this machine without. */
  readonly target: SlurmTarget | undefined;
  /** Folders of runs that may have devices now. */
  readonly runsFolders: readonly string[];
}

/** What a plan has to know of the devices it is for. */
export interface DecidedRun {
  readonly runner: DecidedRunner;
  /** How many devices, of all machines. */
  readonly devices: number;
  /** What a bin may hold, where that was left open. */
  readonly autoCapacity: number | undefined;
  /** What the runner of this machine has said of itself; undefined where it was not asked. */
  readonly backends: readonly BackendInfo[] | undefined;
}

/**
 * Decides which devices a run has and how long its bins are, by asking the runner.
 *
 * @throws WishboneError when devices that are asked for are not there
 */
export async function decideRun({ model, plan, training, runner: asked, target, runsFolders }: UndecidedRun): Promise<DecidedRun> {
  const backends = target === undefined ? await runnerBackends() : undefined;
  const runner =
    target === undefined
      ? decideDevices(asked, { backends: backends ?? [], inUse: await devicesInUse(runsFolders), batchSize: plan.batch_size })
      : decideTargetDevices(asked, target);
  const means = backends === undefined ? {} : { backends: () => Promise.resolve(backends) };
  const autoCapacity = plan.capacity === 'auto' ? await suitedCapacity({ model, training, runner }, means) : undefined;
  return { runner, devices: deviceCount(runner) * (target?.nodes ?? 1), autoCapacity, backends };
}
