import { BAD_ROW_CHOICES } from '../dataset/left-out.js';
import { PAIRINGS } from '../dataset/pairing.js';
import { datasetForms } from '../dataset/forms/index.js';
import { TEMPLATE_NAMES } from '../tokenizer/fallback-templates.js';
import { option, type Options, type ValuesOf } from './option.js';
import { choice, integer, integerOrAuto, number, text } from './rule.js';

const FEWEST_TOKENS = 16;
const MOST_TOKENS = 2 ** 20;
/** What a bin holds at least where `capacity` is left to be decided: enough for a CPU, which longer bins do not make faster. */
export const LEAST_CAPACITY = 2048;

/** How the plan is made: how rows become pairs, and how these are laid out as steps and bins. */
export const PLAN_OPTIONS = {
  sharing: option({
    rule: choice(['none', 'pair', 'tree']),
    default: 'pair',
    label: 'Sharing',
    help:
      'pair: compute the common prefix of a pair once; tree: compute every common prefix of a step once; none: every ' +
      'response carries its own prompt',
  }),
  capacity: option({
    rule: integerOrAuto(FEWEST_TOKENS, MOST_TOKENS),
    default: 'auto',
    label: 'Bin capacity',
    help: `maximum tokens in one bin; auto: what the device has room for, ${LEAST_CAPACITY} on a CPU, and at least the longest pair`,
    decided: { rule: integer(FEWEST_TOKENS, MOST_TOKENS), value: LEAST_CAPACITY },
  }),
  batch_size: option({ rule: integer(1, 65536), default: 32, label: 'Batch size', help: 'pairs in one optimizer step' }),
  epochs: option({ rule: integer(1, 1000), default: 1, label: 'Epochs', help: 'passes over the dataset' }),
  max_steps: option({
    rule: integer(0),
    default: 0,
    label: 'Steps',
    help: 'total optimizer steps, whatever the number of epochs; 0: decided by epochs',
    absent: 'default',
  }),
  seed: option({ rule: integer(0), default: 42, label: 'Seed', help: 'decides the order of the pairs' }),
  order: option({
    rule: choice(['shuffle', 'prefix']),
    default: 'shuffle',
    label: 'Order',
    help:
      'shuffle: every pair on its own; prefix: pairs with much of their prompts in common come into the same step, ' +
      'where sharing tree computes it once; steps are less mixed then',
    absent: 'default',
  }),
  max_length: option({
    rule: integer(4, 2 ** 20),
    default: 1024,
    label: 'Maximum length',
    help: 'maximum tokens of a sequence (prompt and response); the end of longer ones is cut off',
  }),
  format: option({
    rule: choice(['auto', ...datasetForms]),
    default: 'auto',
    label: 'Dataset format',
    help: 'form of the rows; auto: detected from the first row',
    absent: 'default',
  }),
  pairing: option({
    rule: choice(PAIRINGS),
    default: 'all',
    label: 'Pairing',
    help: 'for rows with several responses; all: every better one with every worse one; best: the best with each other one',
    absent: 'default',
  }),
  min_margin: option({
    rule: number(0, 1e9),
    default: 0,
    label: 'Minimum margin',
    help: 'smallest score difference that makes a pair; equal scores never make one',
    absent: 'default',
  }),
  max_prompt_length: option({
    rule: integer(0, 2 ** 20),
    default: 0,
    label: 'Maximum prompt length',
    help: 'maximum tokens of a prompt; the start of longer ones is cut off; 0: no separate limit',
    absent: 'default',
  }),
  eval_fraction: option({
    rule: number(0, 0.9),
    default: 0,
    label: 'Held out',
    help: 'fraction of the pairs held out for evaluation; pairs with the same prompt stay together',
    absent: 'default',
  }),
  columns: option({
    rule: text(),
    default: '',
    label: 'Columns',
    help: 'columns of the files that hold the fields: prompt=question,chosen=good,rejected=bad',
    absent: 'default',
  }),
  chat_template: option({
    rule: choice(TEMPLATE_NAMES),
    default: 'model',
    label: 'Chat template',
    help: "template that renders messages: the model folder's own, or a named one for models without",
    absent: 'default',
  }),
  on_bad_row: option({
    rule: choice(BAD_ROW_CHOICES),
    default: 'stop',
    label: 'Unreadable rows',
    help: 'rows that cannot be used; stop: fail at the first; skip: leave them out and count them',
    absent: 'default',
  }),
} as const satisfies Options;

export interface PlanOptions extends ValuesOf<typeof PLAN_OPTIONS> {}

/** The same with all decided, as `run.json` has it. */
export interface DecidedPlan extends Omit<PlanOptions, 'capacity'> {
  readonly capacity: number;
}

export type Sharing = PlanOptions['sharing'];

/** Of these, how pairs are laid out: what is shared, how pairs become steps, how steps become bins. */
export interface LayoutOptions extends Pick<DecidedPlan, 'sharing' | 'capacity' | 'batch_size' | 'epochs' | 'seed' | 'max_length'> {
  /** Above 0: optimizer steps in all, however many epochs that is; 0 or absent: as `epochs` says. */
  readonly max_steps?: number;
  /** As {@link PLAN_OPTIONS} says; absent: shuffle. */
  readonly order?: PlanOptions['order'] | undefined;
  /** How many devices the plan is for: then a step's bins are a multiple of it. The plan does not say, and runs on any number. */
  readonly devices?: number | undefined;
}
