import { defaultsOf, type Option, type Options, rulesOf } from './option.js';
import { PLAN_OPTIONS, type PlanOptions } from './plan-options.js';
import { type Rule, valueProblem } from './rule.js';
import { RUNNER_OPTIONS, type RunnerOptions } from './runner-options.js';
import { TRAINING_OPTIONS, type TrainingOptions } from './training/index.js';

/** The options of a run, as `run.json` and run configs have them. */
export const OPTIONS = { plan: PLAN_OPTIONS, training: TRAINING_OPTIONS, runner: RUNNER_OPTIONS } as const;
export type SectionName = keyof typeof OPTIONS;

/** An option of a run by its path in `run.json`, for example `training.beta`. */
export type OptionPath = `plan.${keyof PlanOptions}` | `training.${keyof TrainingOptions}` | `runner.${keyof RunnerOptions}`;

/** A value of an option that is one thing. */
export type OptionValue = string | number | boolean;

/** All of them, in the order of `run.json`. */
export const OPTION_PATHS: readonly OptionPath[] = (Object.keys(OPTIONS) as SectionName[]).flatMap((section) =>
  Object.keys(OPTIONS[section]).map((name) => `${section}.${name}` as OptionPath),
);

export const DEFAULT_PLAN: PlanOptions = defaultsOf(PLAN_OPTIONS);
export const DEFAULT_TRAINING: TrainingOptions = defaultsOf(TRAINING_OPTIONS);
export const DEFAULT_RUNNER: RunnerOptions = defaultsOf(RUNNER_OPTIONS);
export const DEFAULTS = { plan: DEFAULT_PLAN, training: DEFAULT_TRAINING, runner: DEFAULT_RUNNER } as const;

/** What run configs are read by. */
export const SECTION_RULES: Readonly<Record<SectionName, Readonly<Record<string, Rule>>>> = {
  plan: rulesOf(PLAN_OPTIONS),
  training: rulesOf(TRAINING_OPTIONS),
  runner: rulesOf(RUNNER_OPTIONS),
};

/** What `run.json` is read by. */
export const RUN_RULES: typeof SECTION_RULES = {
  plan: rulesOf(PLAN_OPTIONS, true),
  training: rulesOf(TRAINING_OPTIONS, true),
  runner: rulesOf(RUNNER_OPTIONS, true),
};

/** All that is said of an option. Undefined for a path that is none, which a text from elsewhere may be. */
export function optionRow(option: string): Option | undefined {
  const dot = option.indexOf('.');
  const section = option.slice(0, dot);
  const options = Object.hasOwn(OPTIONS, section) ? (OPTIONS[section as SectionName] as Options) : undefined;
  const name = option.slice(dot + 1);
  return options !== undefined && Object.hasOwn(options, name) ? options[name] : undefined;
}

/** Whether an option names a file or folder. */
export function isPathOption(option: string): boolean {
  return optionRow(option)?.path !== undefined;
}

/**
 * What is wrong with a value for an option, in words for a person, or undefined when it is good.
 * The same rules as those of `run.json`, for dialogs and command-line flags.
 */
export function optionProblem(option: OptionPath, value: unknown): string | undefined {
  const row = optionRow(option);
  return row === undefined ? `there is no option "${option}"` : valueProblem(row.rule, value);
}

/** How the value of an option is written. */
export function optionKind(option: OptionPath): 'choice' | 'flag' | 'number' | 'numbers' | 'text' | 'list' | 'map' {
  const rule = optionRow(option)?.rule;
  if (rule?.kind === 'integer' && rule.orList) return 'numbers';
  const kind = rule?.kind;
  if (kind === 'list' || kind === 'map') return kind;
  return kind === 'choice' || kind === 'flag' ? kind : kind === 'string' ? 'text' : 'number';
}

/** Whether an option can be given as a flag: lists of objects, and maps, cannot. */
export function hasFlag(option: OptionPath): boolean {
  const rule = optionRow(option)?.rule;
  return rule?.kind !== 'map' && !(rule?.kind === 'list' && rule.item.kind === 'object');
}

/** The values an option may have when it is a choice, or undefined when it is none. */
export function optionChoices(option: OptionPath): readonly string[] | undefined {
  const rule = optionRow(option)?.rule;
  const one = rule?.kind === 'list' && rule.orItem ? rule.item : rule;
  return one?.kind === 'choice' ? one.choices.map(String) : undefined;
}
