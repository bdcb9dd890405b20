import { type ConfigFile, type HalvingBlock, type SweepBlock, sweepFieldProblem } from '../../core/config-file/index.js';
import { WishboneError } from '../../core/errors.js';
import {
  checkOptions,
  isPathOption,
  numbersText,
  OPTION_PATHS,
  optionKind,
  type OptionPath,
  optionProblem,
  optionRow,
  parseNumbers,
} from '../../core/options/index.js';
import { checkHalving, optionsOf, SEED, type Trial, trialsOf } from '../../core/sweep/index.js';
import { sentence } from '../../format.js';
import { parseText, textOf } from './option-text.js';

type Values = Readonly<Record<string, string>>;

/**
 * What a form holds of a sweep, beside the options' own texts. `sweep`: `true` where options can have several values.
 * `sweep.several`: the options that have, by path with spaces between, in the order in which the run config names them. `sweep.seeds`:
 * `values` where seeds are one of these, and not apart. `sweep.runs`: runs one by one, as JSON; the form only keeps them. `sweep.config`: the
 * run config that it comes from.
 */
export const NO_SWEEP = {
  sweep: '',
  'sweep.several': '',
  'sweep.seeds': '',
  'sweep.runs': '',
  'sweep.config': '',
  'sweep.parallel': '1',
  'sweep.count': '',
  'sweep.halving': 'false',
  'sweep.rungs': '',
  'sweep.factor': '3',
  'sweep.metric': 'eval_loss',
} as const satisfies Values;

/** Those that only matter where runs are stopped early. */
export const HALVING_FIELDS: readonly string[] = ['sweep.rungs', 'sweep.factor', 'sweep.metric'];
/** Those that have a field in the form. */
export const SWEEP_FIELDS: readonly string[] = ['sweep.parallel', 'sweep.count', 'sweep.halving', ...HALVING_FIELDS];

/** The runs of a sweep that is being set up. */
export interface SweepDraft {
  readonly block: SweepBlock;
  readonly trials: readonly Trial[];
  /** As `wishbone sweep --parallel` takes it. */
  readonly parallel: string;
}

/** Whether options can have several values. */
export const isSweep = (values: Values): boolean => values['sweep'] === 'true';

/** Whether an option can have several values: those that name files cannot, nor what only a flag may say. */
export function canHaveSeveral(option: string): boolean {
  return optionRow(option) !== undefined && !isPathOption(option) && optionRow(option)?.flagOnly !== true;
}

/** The options that have several values, in their order. */
export function severalOptions(values: Values): OptionPath[] {
  if (!isSweep(values)) return [];
  return (values['sweep.several'] ?? '').split(' ').filter((option): option is OptionPath => canHaveSeveral(option));
}

/** Gives an option several values, or only its first again. Seeds come last: they change fastest. */
export function withSeveral(values: Values, option: string, wanted: boolean): Values {
  if (!canHaveSeveral(option)) return values;
  const others = severalOptions(values).filter((each) => each !== option);
  const seeds = others.at(-1) === SEED && option !== SEED ? others.splice(-1) : [];
  const several = wanted ? [...others, option, ...seeds] : [...others, ...seeds];
  const [first = ''] = itemsOf(option as OptionPath, values[option] ?? '');
  return { ...values, 'sweep.several': several.join(' '), ...(wanted ? {} : { [option]: first }) };
}

/** The texts of an option's several values. */
export function itemsOf(option: OptionPath, text: string): string[] {
  const kind = optionKind(option);
  // Lists have commas themselves.
  const isPlain = kind === 'number' || kind === 'choice' || kind === 'flag';
  const items = text.split(isPlain ? ',' : '\n').map((item) => item.trim());
  return kind === 'text' ? items : items.filter((item) => item !== '');
}

function joined(option: OptionPath, values: readonly unknown[]): string {
  const kind = optionKind(option);
  const items = values.map((value) => (Array.isArray(value) && value.length === 0 ? '[]' : textOf(value, option)));
  return items.join(kind === 'number' || kind === 'choice' || kind === 'flag' ? ', ' : '\n');
}

/** The texts with the first of several values in their place. */
export function firstTexts(values: Values): Values {
  const first = severalOptions(values).map((option) => [option, itemsOf(option, values[option] ?? '')[0] ?? '']);
  return first.length === 0 ? values : { ...values, ...Object.fromEntries(first) };
}

/** The texts with each value in place of several, one option at a time. */
export function variants(values: Values): Values[] {
  const first = firstTexts(values);
  const others = severalOptions(values).flatMap((option) =>
    itemsOf(option, values[option] ?? '')
      .slice(1)
      .map((item) => ({ ...first, [option]: item })),
  );
  return [first, ...others];
}

/** What several values mean, each read by the rule of its option, and what is wrong with them by field. */
export function readSeveral(values: Values): {
  readonly several: ReadonlyMap<OptionPath, readonly unknown[]>;
  readonly problems: Readonly<Record<string, string>>;
} {
  const problems: Record<string, string> = {};
  const several = new Map<OptionPath, readonly unknown[]>();
  for (const option of severalOptions(values)) {
    const texts = itemsOf(option, values[option] ?? '');
    const items = texts.map((text) => parseText(option, text));
    const wrong = items.map((item) => optionProblem(option, item)).find((problem) => problem !== undefined);
    const written = items.map((item) => JSON.stringify(item));
    const twice = written.findIndex((item, at) => written.indexOf(item) !== at);
    if (wrong !== undefined) problems[option] = sentence(wrong);
    else if (items.length === 0) problems[option] = 'Give one value at least';
    else if (twice >= 0) problems[option] = `${texts[twice]} is there twice`;
    several.set(option, items);
  }
  return { several, problems: isSweep(values) ? { ...problems, ...ownProblems(values) } : {} };
}

function ownProblems(values: Values): Record<string, string> {
  const parallel = values['sweep.parallel'] ?? '';
  const isParallel = parallel === 'auto' || (/^\d+$/.test(parallel) && Number(parallel) >= 1 && Number(parallel) <= 1000);
  const block = halvingBlock(values);
  const rungs = block?.rungs ?? block?.min_steps;
  const wrong: Readonly<Record<string, string | undefined>> = {
    'sweep.parallel': isParallel ? undefined : 'expected a number of runs, 1 to 1000, or auto',
    'sweep.count': values['sweep.count'] === '' ? undefined : sweepFieldProblem('count', numberOr(values['sweep.count'])),
    ...(block === undefined
      ? {}
      : {
          'sweep.rungs':
            values['sweep.rungs'] === ''
              ? 'give the steps before the first comparison, or all steps at which runs are compared'
              : sweepFieldProblem(Array.isArray(rungs) ? 'halving.rungs' : 'halving.min_steps', rungs),
          'sweep.factor': sweepFieldProblem('halving.factor', block.factor),
          'sweep.metric': sweepFieldProblem('halving.metric', block.metric),
        }),
  };
  return Object.fromEntries(
    Object.entries(wrong).flatMap(([field, problem]) => (problem === undefined ? [] : [[field, sentence(problem)]])),
  );
}

/**
 * The runs that the form's values come to; undefined where it sets up one.
 *
 * @param options with the first of several values
 * @throws WishboneError whose `where` is the field
 */
export function sweepOf(
  values: Values,
  options: Pick<ConfigFile, 'plan' | 'training' | 'runner'>,
  several: ReadonlyMap<OptionPath, readonly unknown[]>,
  hasEvaluation: boolean,
): SweepDraft | undefined {
  const runs = values['sweep.runs'] ?? '';
  if (!isSweep(values) || (several.size === 0 && runs === '')) return undefined;
  const block = blockOf(values, several);
  const trials = atField(() => trialsOf(block, (field) => field));
  for (const { name, options: own } of trials) {
    const whole = optionsOf(options, own);
    try {
      checkOptions(whole, hasEvaluation || whole.plan.eval_fraction > 0);
    } catch (error) {
      if (!(error instanceof WishboneError) || name === '') throw error;
      throw new WishboneError(`${error.what} (in the run ${name})`, error.where, error.advice, error.exitCode);
    }
  }
  const { halving } = block;
  if (halving !== undefined) {
    const config = { where: (field: string) => field, evalDataset: hasEvaluation ? [''] : undefined };
    atField(() => checkHalving(config, halving, trials, (own) => optionsOf(options, own)));
  }
  return { block, trials, parallel: values['sweep.parallel'] ?? '1' };
}

/** Gives what is wrong with a block the field of the form that says it. */
function atField<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    const { what, where, advice, exitCode } = error;
    const option = where.replace(/^sweep\.values\./, '');
    const isField = SWEEP_FIELDS.includes(where) || OPTION_PATHS.includes(option as OptionPath);
    throw new WishboneError(what, where === 'sweep.halving.rungs' ? 'sweep.rungs' : isField ? option : 'sweep', advice, exitCode);
  }
}

function blockOf(values: Values, several: ReadonlyMap<OptionPath, readonly unknown[]>): SweepBlock {
  const entries = [...several];
  const isApart = entries.at(-1)?.[0] === SEED && values['sweep.seeds'] !== 'values';
  const seeds = isApart ? (entries.pop()![1] as readonly number[]) : undefined;
  const { sweep: _, 'sweep.runs': runs = '', 'sweep.count': count = '' } = values;
  const halving = halvingBlock(values);
  return {
    ...(entries.length === 0 ? {} : { values: Object.fromEntries(entries) }),
    ...(count === '' ? {} : { count: Number(count) }),
    ...(runs === '' ? {} : { runs: JSON.parse(runs) as NonNullable<SweepBlock['runs']> }),
    ...(seeds === undefined ? {} : { seeds }),
    ...(halving === undefined ? {} : { halving: withoutDefaults(halving) }),
  };
}

function halvingBlock(values: Values): HalvingBlock | undefined {
  if (values['sweep.halving'] !== 'true') return undefined;
  const rungs = parseNumbers(values['sweep.rungs'] ?? '');
  const { 'sweep.metric': metric, 'sweep.factor': factor } = values;
  const when = Array.isArray(rungs) ? { rungs: rungs as number[] } : { min_steps: rungs as number };
  return { ...when, factor: numberOr(factor) as number, metric: metric as NonNullable<HalvingBlock['metric']> };
}

function withoutDefaults({ factor, metric, ...when }: HalvingBlock): HalvingBlock {
  const { 'sweep.factor': usual, 'sweep.metric': loss } = NO_SWEEP;
  return { ...when, ...(factor === Number(usual) ? {} : { factor }), ...(metric === loss ? {} : { metric }) };
}

/** The block of a run config as texts of the form: {@link sweepOf} makes it again. */
export function sweepTexts({ sweep, file }: Pick<ConfigFile, 'sweep' | 'file'>): Values {
  if (sweep === undefined) return {};
  const { values = {}, count, runs, seeds, halving } = sweep;
  const named = Object.entries(values) as [OptionPath, readonly unknown[]][];
  const all: [OptionPath, readonly unknown[]][] = [
    ...named,
    ...(seeds === undefined ? [] : [[SEED, seeds] as [OptionPath, readonly unknown[]]]),
  ];
  return {
    ...NO_SWEEP,
    ...Object.fromEntries(all.map(([option, items]) => [option, joined(option, items)])),
    sweep: 'true',
    'sweep.config': file,
    'sweep.several': all.map(([option]) => option).join(' '),
    'sweep.seeds': Object.hasOwn(values, SEED) ? 'values' : '',
    'sweep.runs': runs === undefined ? '' : JSON.stringify(runs),
    'sweep.count': count === undefined ? '' : String(count),
    ...(halving === undefined
      ? {}
      : {
          'sweep.halving': 'true',
          'sweep.rungs': numbersText(halving.rungs ?? halving.min_steps ?? ''),
          'sweep.factor': String(halving.factor ?? NO_SWEEP['sweep.factor']),
          'sweep.metric': halving.metric ?? NO_SWEEP['sweep.metric'],
        }),
  };
}

function numberOr(text: string | undefined): number | string {
  const number = Number(text);
  return text === undefined || text.trim() === '' || Number.isNaN(number) ? (text ?? '') : number;
}
