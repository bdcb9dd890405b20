import { type ConfigFile, resolveConfig, type RunOptions, type SweepBlock } from '../config-file/index.js';
import { WishboneError } from '../errors.js';
import { checkOptions, type SectionName } from '../options/index.js';
import { Random } from '../plan/random.js';
import { checkHalving } from './check-halving.js';
import { SEED, type Trial } from './trial.js';

/** Draws are the same on every machine. */
const DRAW_SEED = 0x5eed;

/**
 * The runs of a sweep, in their order: the last option named changes fastest, seeds faster still.
 *
 * @throws WishboneError when the block says nothing, or two things at once, or options of a run contradict each other
 */
export function expandSweep(config: ConfigFile): Trial[] {
  const { sweep, where } = config;
  if (sweep === undefined) {
    throw new WishboneError('the run config has no sweep', config.file, 'add "sweep": { "values": { "training.beta": [0.05, 0.1] } }');
  }
  const trials = trialsOf(sweep, where);
  for (const { name, options } of trials) {
    const whole = optionsOf(config, options);
    try {
      checkOptions(whole, config.evalDataset !== undefined || whole.plan.eval_fraction > 0);
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      throw new WishboneError(`${error.what} (in the run ${name})`, where('sweep'), error.advice, error.exitCode);
    }
  }
  if (sweep.halving !== undefined) checkHalving(config, sweep.halving, trials, (options) => optionsOf(config, options));
  return trials;
}

/**
 * The runs that a block comes to, whatever becomes of their options.
 *
 * @throws WishboneError when the block says nothing, or two things at once
 */
export function trialsOf(sweep: SweepBlock, where: ConfigFile['where']): Trial[] {
  const points = pointsOf(sweep, where);
  checked(points.length * (sweep.seeds?.length ?? 1), where);
  const seeded = points.flatMap((point) => (sweep.seeds === undefined ? [point] : sweep.seeds.map((seed) => ({ ...point, [SEED]: seed }))));
  const trials = seeded.map((options): Trial => ({ name: nameOf(options), options }));
  const names = new Set<string>();
  for (const { name } of trials) {
    if (names.has(name)) throw new WishboneError(`two runs of the sweep are the same: ${name}`, where('sweep'), 'remove one of them');
    names.add(name);
  }
  return trials;
}

/** Every option of a config, with some others in their place. */
export function optionsOf(config: Partial<ConfigFile>, options: Trial['options']): RunOptions {
  const whole = resolveConfig(config);
  const changed: Record<SectionName, Record<string, unknown>> = { plan: {}, training: {}, runner: {} };
  for (const [path, value] of Object.entries(options)) {
    const dot = path.indexOf('.');
    changed[path.slice(0, dot) as SectionName][path.slice(dot + 1)] = value;
  }
  return {
    plan: { ...whole.plan, ...changed.plan },
    training: { ...whole.training, ...changed.training },
    runner: { ...whole.runner, ...changed.runner },
  } as RunOptions;
}

function pointsOf({ values, count, runs, seeds }: SweepBlock, where: ConfigFile['where']): Trial['options'][] {
  const names = [...Object.keys(values ?? {}), ...(runs ?? []).flatMap((run) => Object.keys(run))];
  if (seeds !== undefined && names.includes(SEED)) {
    throw new WishboneError(`the sweep has "seeds" and "${SEED}", which are the same`, where('sweep'), 'leave one of them out');
  }
  if (runs !== undefined) {
    if (values !== undefined || count !== undefined) {
      throw new WishboneError('a sweep has either "values" or "runs"', where('sweep.runs'), 'leave one of them out');
    }
    if (runs.length === 0) throw new WishboneError('the list of runs is empty', where('sweep.runs'), 'name a run, or use "values"');
    return [...runs];
  }
  const entries = Object.entries(values ?? {});
  const empty = entries.find(([, list]) => list.length === 0)?.[0];
  if (empty !== undefined) throw new WishboneError(`${empty} has no values`, where(`sweep.values.${empty}`), 'give one at least');
  if (entries.length === 0) {
    if (count !== undefined) throw new WishboneError('"count" draws among "values"', where('sweep.count'), 'add "values"');
    if (seeds === undefined || seeds.length === 0) {
      throw new WishboneError('the sweep says nothing', where('sweep'), 'give "values", "runs" or "seeds"');
    }
    return [{}];
  }
  const total = entries.reduce((product, [, list]) => product * list.length, 1);
  if (count === undefined) return Array.from({ length: checked(total, where) }, (_, at) => point(entries, at));
  if (count > total) {
    throw new WishboneError(`"count" is ${count}, but there are ${total} combinations`, where('sweep.count'), 'lower it, or leave it out');
  }
  checked(count, where);
  return drawn(entries, total, count);
}

const MOST_RUNS = 10_000;

function checked(total: number, where: ConfigFile['where']): number {
  if (total <= MOST_RUNS) return total;
  throw new WishboneError(`the sweep has ${total} runs`, where('sweep.values'), `give fewer values, or a "count" up to ${MOST_RUNS}`);
}

type Entries = readonly (readonly [string, readonly unknown[]])[];

/** A combination by its number. */
function point(entries: Entries, number: number): Trial['options'] {
  let rest = number;
  const chosen = [...entries].reverse().map(([name, list]) => {
    const value = list[rest % list.length];
    rest = Math.floor(rest / list.length);
    return [name, value] as const;
  });
  return Object.fromEntries(chosen.reverse());
}

/** Different combinations, in the order in which they are drawn. */
function drawn(entries: Entries, total: number, count: number): Trial['options'][] {
  const random = new Random(DRAW_SEED);
  if (total <= MOST_RUNS) return Array.from(random.order(total).subarray(0, count), (at) => point(entries, at));
  // So many that hardly any is drawn twice; their number may be beyond what can be drawn at once.
  const found = new Map<string, Trial['options']>();
  while (found.size < count) {
    const places = entries.map(([, list]) => random.below(list.length));
    found.set(places.join(), Object.fromEntries(entries.map(([name, list], i) => [name, list[places[i] as number]])));
  }
  return [...found.values()];
}

function nameOf(options: Trial['options']): string {
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  return Object.entries(options)
    .map(([path, value]) => `${path.slice(path.indexOf('.') + 1)}=${text(value)}`)
    .join(' ');
}
