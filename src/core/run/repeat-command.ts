import { DEFAULTS, hasFlag, numbersText, optionKind, type OptionPath, type SectionName } from '../options/index.js';
import type { RunConfig } from './config.js';

/** The defaults that the command names, so that it says the same whatever others would be taken. */
const PRESET = 'standard';

/** What repeats a run on the command line. */
export interface RepeatCommand {
  /** For a shell, on one line. */
  readonly command: string;
  /** Settings of the run that have no flag: only a run config can hold them. */
  readonly without: readonly string[];
}

/**
 * The command that starts a run like this one: the same data, model and settings, under the same name.
 *
 * @returns with flags for what is not as the preset has it
 */
export function repeatCommand(config: RunConfig): RepeatCommand {
  const { dataset, eval_dataset: evaluation, model, name, id } = config;
  const words = ['wishbone', 'train', ...(dataset.names ?? [dataset.path])];
  words.push('--model', model.path);
  // Held out of the dataset, it is no dataset of its own.
  if (evaluation !== undefined && config.plan.eval_fraction === 0)
    for (const each of evaluation.names ?? [evaluation.path]) words.push('--eval-dataset', each);
  if (name !== id) words.push('--name', name);
  words.push('--preset', PRESET);
  const without: string[] = [];
  for (const [group, defaults] of Object.entries(DEFAULTS)) {
    const values = config[group as SectionName] as unknown as Readonly<Record<string, unknown>>;
    for (const [option, value] of Object.entries(values)) {
      if (JSON.stringify(value) === JSON.stringify((defaults as unknown as Readonly<Record<string, unknown>>)[option])) continue;
      const path = `${group}.${option}` as OptionPath;
      const flag = option.replaceAll('_', '-');
      const kind = optionKind(path);
      if (kind === 'flag') words.push(value === true ? `--${flag}` : `--no-${flag}`);
      else if (!hasFlag(path)) without.push(path);
      else if (kind === 'numbers') words.push(`--${flag}`, numbersText(value));
      else words.push(`--${flag}`, Array.isArray(value) ? value.join(',') : String(value));
    }
  }
  return { command: words.map(quoted).join(' '), without };
}

/** A word as a POSIX shell takes it whole. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
