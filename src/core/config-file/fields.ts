import {
  DEFAULT_PLAN,
  DEFAULT_RUNNER,
  DEFAULT_TRAINING,
  PATH_OPTIONS,
  PLAN_FIELDS,
  RUNNER_FIELDS,
  TRAINING_FIELDS,
  type OptionPath,
  type PlanOptions,
  type Rule,
  type RunnerOptions,
  type TrainingOptions,
} from '../run/config.js';
import { PLAN_HELP, RUNNER_HELP, TRAINING_HELP } from '../run/option-help.js';
import { PRESETS } from '../run/presets.js';

/** What a run config's file name ends with. */
export const CONFIG_SUFFIX = '.wishbone.json';

/** The version of the format that this Wishbone reads and writes. */
export const CONFIG_VERSION = 1;

/** The parts of a run config that hold options of the same name and meaning as `run.json`'s. */
export const SECTIONS = {
  plan: {
    fields: PLAN_FIELDS,
    help: PLAN_HELP,
    defaults: DEFAULT_PLAN,
    about: 'how pairs are read, and laid out as steps and bins',
  },
  training: {
    fields: TRAINING_FIELDS,
    help: TRAINING_HELP,
    defaults: DEFAULT_TRAINING,
    about: 'loss, reference, optimizer, evaluation, checkpoints',
  },
  runner: { fields: RUNNER_FIELDS, help: RUNNER_HELP, defaults: DEFAULT_RUNNER, about: 'how the run is carried out' },
} as const;
export type SectionName = keyof typeof SECTIONS;

/** What stands in place of a default that depends on the model. */
export const DEFAULT_BY_MODEL: Readonly<Partial<Record<OptionPath, string>>> = {
  'training.learning_rate': 'by model and method',
};

/** The value of an option that neither the file nor a preset gives; undefined where the model decides it. */
export function defaultOf(option: OptionPath): unknown {
  if (option in DEFAULT_BY_MODEL) return undefined;
  const [section, name] = option.split('.') as [SectionName, string];
  return (SECTIONS[section].defaults as unknown as Readonly<Record<string, unknown>>)[name];
}

/** Options of each section that a file gives; paths are absolute. */
export interface Sections {
  readonly plan: Partial<PlanOptions>;
  readonly training: Partial<TrainingOptions>;
  readonly runner: Partial<RunnerOptions>;
}

/** TRL's names for what has another name here: they mean the same in a run config. */
export const SYNONYMS: Readonly<Record<string, OptionPath>> = { 'plan.num_train_epochs': 'plan.epochs' };

/** A field of the file beside the sections. */
interface TopField {
  readonly rule: Rule;
  readonly help: string;
  /** It names a file or folder; relative ones count from the config's own folder. */
  readonly path?: true;
}

const PATH: Rule = { kind: 'string', pattern: /^[^\0]*\S[^\0]*$/, expected: 'a path' };
const PATHS: Rule = { kind: 'list', item: PATH, orItem: true };

export const TOP_FIELDS = {
  $schema: { rule: { kind: 'string', optional: true }, help: 'location of the JSON schema of this file; for editors' },
  version: { rule: { kind: 'choice', choices: [CONFIG_VERSION] }, help: 'of the format of this file' },
  name: {
    rule: { kind: 'string', pattern: /\S/, expected: 'a name that is not empty', optional: true },
    help: "name of the run",
  },
  preset: {
    rule: { kind: 'choice', choices: PRESETS.map(({ id }) => id), optional: true },
    help: `options to start from. ${PRESETS.map(({ id, description }) => `${id}: ${description}`).join('. ')}`,
  },
  model: { rule: { ...PATH, optional: true }, help: 'Hugging Face model folder', path: true },
  dataset: {
    rule: { ...PATHS, optional: true },
    help:
      'preference files (.jsonl, .json, .csv or .tsv, also gzipped, or .parquet), wildcards, or entries of ' +
      'dataset_info.json#name, each also with a weight: pairs.jsonl:0.5',
    path: true,
  },
  eval_dataset: {
    rule: { ...PATHS, optional: true },
    help: 'the same, for evaluation; needs training.eval_steps',
    path: true,
  },
  runs: { rule: { ...PATH, optional: true }, help: 'folder in which the run is created', path: true },
} as const satisfies Readonly<Record<string, TopField>>;

/** Whether a field, by its path in the file, names a file or folder. */
export function isPath(field: string): boolean {
  const top = (TOP_FIELDS as Readonly<Record<string, TopField>>)[field];
  return top?.path === true || PATH_OPTIONS.has(field as OptionPath);
}
