import { createHash } from 'node:crypto';
import type { ConfigFile } from '../config-file/index.js';
import { WishboneError } from '../errors.js';
import { optionsOf } from './expand.js';
import type { SweepRecord } from './record.js';
import type { Trial } from './trial.js';

/** What a trial trains, and on what, as a hash: where and how fast it computes is left out. */
export function settingsHash(config: ConfigFile, trial: Trial): string {
  const { model, dataset, evalDataset } = config;
  const { plan, training, runner } = optionsOf(config, trial.options);
  // One that is not given follows the model, whatever stands there then.
  const rate = trial.options['training.learning_rate'] ?? config.training.learning_rate ?? null;
  const all = JSON.stringify([model, dataset, evalDataset, plan, { ...training, learning_rate: rate }, runner.precision]);
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}

/**
 * Names of the trials whose runs were begun with other settings than the config has now. Those that are passed over count nowhere, and of runs of
 * older records nothing is known.
 */
export function changedTrials(record: SweepRecord | undefined, config: ConfigFile, trials: readonly Trial[]): string[] {
  const before = new Map(record?.trials.map((trial) => [trial.name, trial]));
  return trials
    .filter((trial) => {
      const { folder, settings, skipped } = before.get(trial.name) ?? {};
      return folder !== undefined && skipped === undefined && settings !== undefined && settings !== settingsHash(config, trial);
    })
    .map(({ name }) => name);
}

/** @throws WishboneError where some were: they would be compared with runs that differ in more than their names say */
export function checkUnchanged(record: SweepRecord | undefined, config: ConfigFile, trials: readonly Trial[]): void {
  const changed = changedTrials(record, config, trials);
  if (changed.length === 0) return;
  const more = changed.length === 1 ? '' : ` and ${changed.length - 1} more`;
  throw new WishboneError(
    `the run config has other settings now than when the sweep's runs were begun (${changed[0]}${more})`,
    config.file,
    'give it another "name", which makes it a new sweep, or undo the change',
  );
}
