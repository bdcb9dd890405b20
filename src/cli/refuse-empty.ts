import type { Command } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { planOptionNames, runnerOptionNames, trainingOptionNames } from './options.js';

/** Placeholders of options whose values name something on the disk. */
const PLACE = /<(file|folder|run)>/;
/** There empty text takes back what a run config names. */
const MAY_BE_EMPTY = new Set([...planOptionNames, ...trainingOptionNames, ...runnerOptionNames].map((name) => name.replaceAll('_', '-')));

/**
 * Has a command refuse empty text where it must name something. In a script that is a variable which is not set, and without this it
 * would mean the current folder, or the one run that there is.
 */
export function refuseEmpty(command: Command): void {
  command.hook('preAction', () => {
    const empty = command.args.indexOf('');
    const { registeredArguments: known } = command;
    if (empty >= 0) throw emptyError(known[Math.min(empty, known.length - 1)]?.name() ?? 'argument');
  });
  for (const option of command.options) {
    if (PLACE.test(option.flags) && !MAY_BE_EMPTY.has(option.name())) command.on(`option:${option.name()}`, notEmpty(`--${option.name()}`));
  }
}

/** @returns the text. @throws WishboneError when it is empty */
export function notEmpty(name: string): (text: string) => string {
  return (text) => {
    if (text === '') throw emptyError(name);
    return text;
  };
}

function emptyError(name: string): WishboneError {
  return new WishboneError(`${name} is empty`, 'the command line', 'name something; a variable of a script may not be set', ExitCode.usage);
}
