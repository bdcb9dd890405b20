import { BEST_METRICS, type BestMetric } from '../../metrics.js';
import { isPathOption, type OptionPath, SECTION_RULES } from '../options/index.js';
import { choice, integer, list, object, optional, type Rule, valueProblem } from '../options/rule.js';

/** A sweep of more runs than this is a mistake. */
const MOST_RUNS = 10_000;

/** Options that a sweep may try several values of, by their path: all but those that name files. */
const OPTION_RULES: readonly (readonly [OptionPath, Rule])[] = Object.entries(SECTION_RULES).flatMap(([section, rules]) =>
  Object.entries(rules as Readonly<Record<string, Rule>>).flatMap(([name, rule]) => {
    const path = `${section}.${name}` as OptionPath;
    return isPathOption(path) ? [] : [[path, rule] as const];
  }),
);

const fieldsOf = (ofRule: (rule: Rule) => Rule): Readonly<Record<string, Rule>> =>
  Object.fromEntries(OPTION_RULES.map(([path, rule]) => [path, optional(ofRule(rule))]));

/** The block `sweep` of a run config. */
export const SWEEP_RULE = object({
  values: optional(object(fieldsOf((rule) => list(rule)))),
  count: optional(integer(1, MOST_RUNS)),
  runs: optional(list(object(fieldsOf((rule) => rule)))),
  seeds: optional(list(integer(0))),
  halving: optional(
    object({
      metric: optional(choice(BEST_METRICS)),
      factor: optional(integer(2, 1000)),
      rungs: optional(list(integer(1))),
      min_steps: optional(integer(1)),
    }),
  ),
});

/** What is wrong with the value of a field of the block, by its path in it, such as `halving.factor`; undefined when it is good. */
export function sweepFieldProblem(field: string, value: unknown): string | undefined {
  let rule: Rule | undefined = SWEEP_RULE;
  for (const name of field.split('.')) rule = rule?.kind === 'object' ? rule.fields[name] : undefined;
  return rule === undefined ? `a sweep has no field "${field}"` : valueProblem(rule, value);
}

/** What its fields are for. */
export const SWEEP_HELP: Readonly<Record<keyof SweepBlock, string>> = {
  values: 'lists of values by option, such as "training.beta": [0.05, 0.1]; a run for every combination',
  count: 'so many of the combinations, drawn at random, instead of all',
  runs: 'runs one by one instead: each the options that it has beside those of the file',
  seeds: 'each run once with each of these as plan.seed',
  halving:
    'stops hopeless runs early: after "min_steps" steps, after "factor" times as many and so on, or at each step of "rungs", ' +
    'only the best 1/factor (3) go on, by "metric" (eval_loss) of the evaluation there',
};

/** Several values of options, and how they make runs (`expandSweep`). */
export interface SweepBlock {
  /** By path: every combination is a run, or `count` of them drawn at random. */
  readonly values?: Readonly<Record<string, readonly unknown[]>> | undefined;
  readonly count?: number | undefined;
  /** Or runs one by one: options by path. */
  readonly runs?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Each run once with each of these as `plan.seed`. */
  readonly seeds?: readonly number[] | undefined;
  readonly halving?: HalvingBlock | undefined;
}

/** Early stopping of hopeless runs (successive halving). Either `rungs` or `min_steps` is there. */
export interface HalvingBlock {
  /** Default: `eval_loss`. */
  readonly metric?: BestMetric | undefined;
  /** One of so many settings goes on. Default: 3. */
  readonly factor?: number | undefined;
  /** Steps at which runs are compared, rising. */
  readonly rungs?: readonly number[] | undefined;
  /** Or the first of them: each next one is `factor` times as far. */
  readonly min_steps?: number | undefined;
}
