import {
  isPathOption,
  type OptionPath,
  optionRow,
  type PlanOptions,
  PRESETS,
  type RunnerOptions,
  type SectionName,
  type TrainingOptions,
} from '../options/index.js';
import { choice, oneOrList, optional, type Rule, text } from '../options/rule.js';
import { REPORT_TO_RULE } from '../trackers/report-to.js';
import { SWEEP_HELP, SWEEP_RULE } from './sweep-fields.js';
import { KINDS_TEXT } from '../dataset/file-kinds.js';

/** What a run config's file name ends with. */
export const CONFIG_SUFFIX = '.wishbone.json';

/** The version of the format that this Wishbone reads and writes. */
export const CONFIG_VERSION = 1;

/** The parts of a run config that hold options of the same name and meaning as `run.json`'s. */
export const SECTIONS: Readonly<Record<SectionName, string>> = {
  plan: 'how pairs are read, and laid out as steps and bins',
  training: 'loss, reference, optimizer, evaluation, checkpoints',
  runner: 'how the run is carried out',
};

/** The value of an option that neither the file nor a preset gives; undefined where the model decides it. */
export function defaultOf(option: OptionPath): unknown {
  const row = optionRow(option);
  return row?.byModel === undefined ? row?.default : undefined;
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
  /** Help for the fields of an object. */
  readonly inside?: Readonly<Record<string, string>>;
}

const PATH = text(/^[^\0]*\S[^\0]*$/, 'a path');
const PATHS = oneOrList(PATH);

export const TOP_FIELDS = {
  $schema: { rule: optional(text()), help: 'location of the JSON schema of this file; for editors' },
  version: { rule: choice([CONFIG_VERSION]), help: 'of the format of this file' },
  name: { rule: optional(text(/\S/, 'a name that is not empty')), help: 'name of the run' },
  preset: {
    rule: optional(choice(PRESETS.map(({ id }) => id))),
    help: `options to start from. ${PRESETS.map(({ id, description }) => `${id}: ${description}`).join('. ')}`,
  },
  model: { rule: optional(PATH), help: 'Hugging Face model folder, or id on the hub: org/name, org/name@revision', path: true },
  dataset: {
    rule: optional(PATHS),
    help:
      `preference files (${KINDS_TEXT}), wildcards, folders that datasets saved (folder#split), entries of dataset_info.json#name, or ids on the Hugging Face hub, ` +
      'org/name@revision#config/split, each also with a weight: pairs.jsonl:0.5',
    path: true,
  },
  eval_dataset: { rule: optional(PATHS), help: 'the same, for evaluation; needs training.eval_steps', path: true },
  runs: { rule: optional(PATH), help: 'folder in which the run is created', path: true },
  report_to: {
    rule: REPORT_TO_RULE,
    help: 'trackers that the run is sent to, by transformers’ names (docs/trackers.md); TensorBoard’s files are always there',
  },
  sweep: {
    rule: optional(SWEEP_RULE),
    help: 'several values of options: `wishbone sweep` makes a run of each combination',
    inside: SWEEP_HELP,
  },
} as const satisfies Readonly<Record<string, TopField>>;

/** Whether a field, by its path in the file, names a file or folder. */
export function isPath(field: string): boolean {
  const top = (TOP_FIELDS as Readonly<Record<string, TopField>>)[field];
  return top?.path === true || isPathOption(field);
}
