import path from 'node:path';
import { type Command, Help, InvalidArgumentError, Option } from 'commander';
import {
  hasFlag,
  isPathOption,
  namedHere,
  OPTION_PATHS,
  optionChoices,
  optionKind,
  type OptionPath,
  optionProblem,
  optionRow,
  OPTIONS,
  type OptionValue,
  parseNumbers,
  parseTargetModules,
  type PlanOptions,
  presetById,
  type RunnerOptions,
  type SectionName,
  type TrainingOptions,
} from '../core/options/index.js';
import { type ConfigFile, isConfigFile, readConfigFile, resolveConfig } from '../core/config-file/index.js';
import { ExitCode, WishboneError } from '../core/errors.js';
import type { DatasetRequest } from '../core/tokenise/index.js';
import type { ReportTo } from '../core/trackers/index.js';
import { KINDS_TEXT } from '../core/dataset/file-kinds.js';
import { modelId } from '../core/hub/index.js';
import { isHubOption } from './hub.js';

/** Adds `--batch-size` and the like for options of a group. `showDefaults`: false where a preset decides them. */
export function addOptions(command: Command, group: SectionName, names: readonly string[], showDefaults: boolean): void {
  for (const name of names) {
    const option = `${group}.${name}` as OptionPath;
    const { help, default: value, byModel } = optionRow(option)!;
    const kind = optionKind(option);
    const flag = flagOf(name);
    if (kind === 'flag') {
      command.option(flag, help);
      // For what a run config turns on.
      command.addOption(new Option(`--no-${flag.slice(2)}`).hideHelp());
      continue;
    }
    const choices = kind === 'choice' ? optionChoices(option)!.join('|') : '';
    // Many choices would leave no room for the words.
    const many = choices.length > 24;
    const shown =
      kind === 'choice' ? (many ? 'name' : choices) : isPathOption(option) ? 'file' : kind === 'numbers' ? 'number or list' : kind;
    const notes = [
      ...(many ? [`one of ${choices.replaceAll('|', ', ')}`] : []),
      ...(kind === 'list' ? ['separated by commas'] : []),
      ...(byModel === undefined ? [] : [`default: ${byModel}`]),
      ...(showDefaults && byModel === undefined && value !== '' ? [`default: ${String(value)}`] : []),
    ];
    const description = `${help}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
    const added = new Option(`${flag} <${shown}>`, description).argParser((text: string) => parseOption(option, text));
    // For the shell's completion; what may be said is judged by the parser above.
    if (kind === 'choice') added.argChoices = [...(optionChoices(option) ?? [])];
    command.addOption(added);
  }
}

/** An option's words in the help: choices that its flag or its own words list are not listed again. */
export function optionDescription(option: Option): string {
  const listed = option.argChoices?.every((choice) => `${option.flags} ${option.description}`.includes(choice)) ?? false;
  const shown = listed ? (Object.assign(Object.create(Option.prototype) as Option, option, { argChoices: undefined }) as Option) : option;
  return new Help().optionDescription(shown);
}

/**
 * What to do about an option that is not known, in commander's words: one that another trainer has under the name, or a value where
 * none belongs. Undefined where nothing can be said.
 */
export function optionMeant(unknown: string): string | undefined {
  const [, flag = '', value] = /'--([\w-]+)(=[^']*)?'/.exec(unknown) ?? [];
  const name = flag.replaceAll('-', '_');
  const option = OPTION_PATHS.find((path) => path.endsWith(`.${name}`));
  if (value !== undefined && option !== undefined && optionKind(option) === 'flag')
    return `it takes no value: write --${flag}, or --no-${flag} for what a run config turns on`;
  return namedHere(name, (field) => (field === 'dataset' ? 'an argument without a name' : flagOf(field)));
}

const flagOf = (field: string): string => `--${field.slice(field.indexOf('.') + 1).replaceAll('_', '-')}`;

/** The options of a section that can be given as flags. */
const flagsOf = (section: SectionName): readonly string[] =>
  Object.keys(OPTIONS[section]).filter((name) => hasFlag(`${section}.${name}` as OptionPath));
export const planOptionNames = flagsOf('plan');
export const trainingOptionNames = flagsOf('training');
export const runnerOptionNames = flagsOf('runner');

function parseOption(option: OptionPath, text: string): OptionValue | readonly OptionValue[] {
  if (optionKind(option) === 'list') return parseList(option, text);
  if (optionKind(option) === 'numbers') return parseNumberList(option, text);
  const number = optionKind(option) === 'number' && text.trim() !== '' ? Number(text) : NaN;
  // What is no number is shown as it was written.
  if (isHubOption(option) && modelId(text) !== undefined) return text;
  const value = !Number.isNaN(number) ? number : isPathOption(option) && text !== '' ? path.resolve(text) : text;
  const problem = optionProblem(option, value);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return value;
}

function parseNumberList(option: OptionPath, text: string): OptionValue | readonly OptionValue[] {
  const value = parseNumbers(text);
  const problem = optionProblem(option, value);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return value as OptionValue | readonly OptionValue[];
}

function parseList(option: OptionPath, text: string): OptionValue | readonly OptionValue[] {
  if (option === 'training.lora_target_modules') {
    const targets = parseTargetModules(text);
    const problem = optionProblem(option, targets);
    if (problem !== undefined) throw new InvalidArgumentError(problem);
    return targets;
  }
  const words = text.split(',').map((word) => word.trim());
  const value = optionChoices(option) ? words : words.map((word) => (word === '' ? word : Number(word)));
  const problem = optionProblem(option, value);
  if (problem !== undefined) throw new InvalidArgumentError(problem);
  return optionChoices(option) && value.length === 1 ? value[0]! : value;
}

/** What every command says of its dataset argument. */
export const DATASET_HELP =
  `preference files (${KINDS_TEXT}), wildcards, folders that datasets saved (folder#split), dataset_info.json#name, or ids of the Hugging Face hub, org/name#split, ` +
  'also with a weight: pairs.jsonl:0.5 (docs/datasets.md); or a run config, *.wishbone.json, whose values flags override';

/** What every command says of `--model`. */
export const MODEL_HELP = 'Hugging Face model folder, or id on the hub: org/name, org/name@revision';

/** Adds what says more about the dataset than its name. */
export function addDatasetOptions(command: Command): void {
  command
    .option('--eval-dataset <file>', 'pairs for evaluation; can be given more than once', (file: string, before: string[] = []) => [
      ...before,
      file,
    ])
    .option('--no-cache', 'ignore the cache: read, tokenise and plan again, and keep nothing');
}

/** What a command works on: flags, a run config, or both. */
export interface CommandInput {
  /** Undefined when neither names one. */
  readonly dataset: readonly string[] | undefined;
  readonly evalDataset: readonly string[] | undefined;
  /** 0 where nothing may be kept (`--no-cache`). */
  readonly cacheLimit: DatasetRequest['cacheLimit'];
  readonly model: string | undefined;
  readonly name: string | undefined;
  readonly runs: string | undefined;
  /** Trackers, and what else `report_to` may say. */
  readonly reportTo: readonly ReportTo[] | undefined;
  /** Each option as the flag says, else the run config, else its preset, else the default. */
  readonly plan: PlanOptions;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  /** Of the learning rate that suits the model, when neither a flag nor the run config gives one. */
  readonly rateFactor: number | undefined;
  /** The run config, when there is one. */
  readonly config: ConfigFile | undefined;
}

/**
 * Reads a command's dataset argument and flags.
 *
 * @throws WishboneError when the argument is a run config with something wrong in it
 */
export async function readInput(files: readonly string[], given: Readonly<Record<string, unknown>>): Promise<CommandInput> {
  const configs = files.filter(isConfigFile);
  if (configs.length > 0 && files.length > 1) {
    const advice = 'name the datasets in the run config, or do not use a run config';
    throw new WishboneError('a run config cannot be combined with dataset files', 'the command line', advice, ExitCode.usage);
  }
  const config = configs[0] === undefined ? undefined : await readConfigFile(configs[0]);
  if (config?.sweep !== undefined) {
    const advice = `run \`wishbone sweep ${files[0]}\`, or take "sweep" out`;
    throw new WishboneError('the run config is of several runs', config.where('sweep'), advice, ExitCode.usage);
  }
  const text = (name: string): string | undefined => given[name] as string | undefined;
  const preset = text('preset') ?? config?.preset;
  const base = resolveConfig({ ...config, preset });
  const library = text('cublaslt');
  // Run folders name none: whatever runner is started is told by the environment.
  if (library !== undefined && library !== '') process.env['WISHBONE_CUBLASLT'] = library;
  const givesRate = given['learningRate'] !== undefined || config?.training.learning_rate !== undefined;
  return {
    dataset: config === undefined ? (files.length === 0 ? undefined : files) : config.dataset,
    evalDataset: (given['evalDataset'] as readonly string[] | undefined) ?? config?.evalDataset,
    cacheLimit: given['cache'] === false ? 0 : undefined,
    model: text('model') ?? config?.model,
    name: text('name') ?? config?.name,
    runs: text('runs') ?? config?.runs,
    reportTo: (given['reportTo'] as readonly ReportTo[] | undefined) ?? config?.reportTo,
    plan: resolve(base.plan, given),
    training: resolve(base.training, given),
    runner: resolve(base.runner, given),
    rateFactor: givesRate ? undefined : preset === undefined ? 1 : presetById(preset)?.rateFactor,
    config,
  };
}

/** The same for commands that cannot do without a dataset and a model. @throws WishboneError saying what is missing */
export async function readWholeInput(
  files: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Promise<CommandInput & { readonly dataset: readonly string[]; readonly model: string }> {
  const input = await readInput(files, given);
  const { dataset, model, config } = input;
  const missing = (what: string, field: string, advice: string): WishboneError =>
    config === undefined
      ? new WishboneError(`no ${what} was given`, 'the command line', advice, ExitCode.usage)
      : new WishboneError(`the run config names no ${what}`, config.file, `add "${field}" to it`);
  if (dataset === undefined) throw missing('dataset', 'dataset', 'give a preference file or a run config');
  if (model === undefined) throw missing('model', 'model', 'add --model with a Hugging Face model folder, or an id on the hub');
  return { ...input, dataset, model };
}

function resolve<T extends object>(base: T, given: Readonly<Record<string, unknown>>): T {
  const entries = Object.entries(base).map(([name, value]) => {
    const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return [name, given[camel] ?? (value as unknown)];
  });
  return Object.fromEntries(entries) as T;
}

/** A whole number of at least 1, for options that are none of a run's. */
export function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError(`expected a whole number above 0, found ${text}`);
  return value;
}

/** A number of a range, for options that are none of a run's. */
export function between(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`expected a number from ${low} to ${high}, found ${text}`);
  };
}
