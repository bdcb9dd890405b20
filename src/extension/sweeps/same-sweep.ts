import { type ConfigFile, parseConfigFile } from '../../core/config-file/index.js';
import { WishboneError } from '../../core/errors.js';
import { expandSweep, halvingOf, optionsOf, settingsHash } from '../../core/sweep/index.js';

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
  const { name, runs, reportTo = [], sweep } = config;
  const trials = expandSweep(config).map((trial) => [trial.name, settingsHash(config, trial), optionsOf(config, trial.options).runner]);
  const halving = sweep?.halving === undefined ? undefined : halvingOf(sweep.halving);
  return JSON.stringify([name, runs, reportTo, trials, halving]);
}
