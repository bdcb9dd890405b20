import { type ConfigFile, parseConfigFile } from '../../core/config-file/index.js';
import { WishboneError } from '../../core/errors.js';
import { expandSweep, halvingOf, optionsOf } from '../../core/sweep/index.js';

/**
 * Whether two texts of a run config come to the same runs, however they are written.
 *
 * @param file absolute path that both are of
 */
export function isSameSweep(one: string, other: string, file: string): boolean {
  try {
    return meaning(parseConfigFile(one, file)) === meaning(parseConfigFile(other, file));
  } catch (error) {
    // One that is no sweep, or has something wrong in it, is another.
    if (error instanceof WishboneError) return false;
    throw error;
  }
}

function meaning(config: ConfigFile): string {
  const { name, model, dataset, evalDataset, runs, reportTo = [], sweep, training } = config;
  const trials = expandSweep(config).map((trial) => [trial.name, optionsOf(config, trial.options)]);
  const halving = sweep?.halving === undefined ? undefined : halvingOf(sweep.halving);
  // One that is not given follows the model, whatever a preset says.
  const rate = training.learning_rate ?? 'by model';
  const isVaried = Object.hasOwn(sweep?.values ?? {}, 'training.learning_rate');
  return JSON.stringify([name, model, dataset, evalDataset, runs, reportTo, trials, halving, isVaried ? 'varied' : rate]);
}
