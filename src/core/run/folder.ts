import { randomBytes, randomInt } from 'node:crypto';
import { PRIVATE_FILE } from '../files/atomic-file.js';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { ExitCode, WishboneError } from '../errors.js';
import { makeFolders } from '../files/make-folders.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { type DatasetReference, type RunConfig, checkRunConfig, parseRunConfig } from './config.js';
import { type DecidedPlan, DEFAULT_RUNNER, type RunnerOptions, type TrainingOptions } from '../options/index.js';
import { jobStatus, type JobStatus } from '../slurm/job-state.js';
import { readJobRecord } from '../slurm/job-record.js';
import { readEventEnds } from '../events/event-ends.js';
import { type Headline, headline } from '../history/headline.js';
import { RunHistory } from '../history/history.js';
import { readLabels } from './labels.js';
import type { MadeWith } from './provenance.js';
import { pinnedDataset, pinnedModel } from './origin.js';
import { isAlive } from './process-identity.js';
import { isElsewhere, readProcessRecord } from './process-record.js';
import { isActive, runState, type RunState, stateOf } from './state.js';

export const RUN_FILE = 'run.json';
export const PLAN_FILE = 'plan.safetensors';
/** The plan of what `eval_steps` evaluates on. */
export const EVAL_PLAN_FILE = 'eval-plan.safetensors';
/** Files that the export has instead of the model folder's. */
export const TOKENIZER_FOLDER = 'tokenizer';
export const LOG_FILE = 'runner.log';

/** Where a workspace keeps its runs, relative to the workspace folder. */
export const RUNS_FOLDER = path.join('.wishbone', 'runs');

/** Folders under construction begin so; readers pass over them. */
const UNDER_CONSTRUCTION = '.new-';
/** Runs that are read at once. */
const AT_ONCE = 16;
/** One that is this old was left by a crash. */
const ABANDONED_MILLISECONDS = 24 * 3600 * 1000;

/** What a person or a dialog decides about a run; the rest of `run.json` follows. */
export interface RunSettings {
  readonly name?: string | undefined;
  readonly dataset: DatasetReference;
  readonly evalDataset?: DatasetReference | undefined;
  readonly model: { readonly path: string };
  readonly plan: DecidedPlan;
  readonly training: TrainingOptions;
  readonly runner: RunnerOptions;
  readonly madeWith?: MadeWith | undefined;
}

/** A new config with an id made of the time (UTC) and a word that is easy to say, such as `20260102-150405-harbor`. */
export function newRunConfig(settings: RunSettings, now = new Date()): RunConfig {
  const created = now.toISOString();
  const stamp = created.slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  const id = `${stamp}-${WORDS[randomInt(WORDS.length)]!}`;
  const name = settings.name?.trim();
  const { dataset, evalDataset, model, plan, training, runner, madeWith } = settings;
  return {
    format: 'wishbone-run',
    version: 1,
    id,
    name: name === undefined || name === '' ? id : name,
    created,
    dataset: pinnedDataset(dataset),
    ...(evalDataset === undefined ? {} : { eval_dataset: pinnedDataset(evalDataset) }),
    model: pinnedModel(model.path),
    plan,
    // A number of steps leaves nothing to the ratio, and run.json says only what counts.
    training: training.warmup_steps < 0 ? training : { ...training, warmup_ratio: 0 },
    // A library is code: a run folder, which may go anywhere, does not name any.
    runner: { ...runner, cublaslt: '', devices: runner.devices === 'auto' ? 1 : runner.devices },
    ...(madeWith === undefined ? {} : { made_with: madeWith }),
  };
}

/**
 * Makes a run's folder. It is built under a temporary name and gets its own only once the plan is in it, so a folder
 * with a run's name is always whole. An existing run is never overwritten: a taken id gets a number (`…-2`), and the
 * `run.json` then holds that id.
 *
 * @param writePlan writes the plan to the file it is given, and an eval plan beside it; when it fails, nothing is left behind
 * @returns the absolute path of the new folder
 * @throws WishboneError when the config is not valid or the folder cannot be written; what `writePlan` throws
 */
export async function createRunFolder(runsFolder: string, config: RunConfig, writePlan: (file: string) => Promise<void>): Promise<string> {
  checkRunConfig(config);
  const runs = path.resolve(runsFolder);
  await makeRunsFolder(runs);
  const building = path.join(runs, `${UNDER_CONSTRUCTION}${config.id}-${randomBytes(4).toString('hex')}`);
  try {
    await writing(building, () => mkdir(building));
    const plan = path.join(building, PLAN_FILE);
    await writePlan(plan);
    await writing(plan, () => sync(plan));
    return await writing(runs, () => publish(runs, building, config));
  } catch (error) {
    await rm(building, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

async function makeRunsFolder(runs: string): Promise<void> {
  const made = await writing(runs, () => makeFolders(runs));
  if (made !== undefined) {
    // Weights do not belong into anyone's repository. Best effort: a run needs no .gitignore.
    await writeFile(path.join(runs, '.gitignore'), '*\n', { flag: 'wx' }).catch(() => undefined);
  }
  await removeAbandoned(runs).catch(() => undefined);
}

async function publish(runs: string, building: string, config: RunConfig): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const id = attempt === 1 ? config.id : `${config.id}-${attempt}`;
    const folder = path.join(runs, id);
    if (await exists(folder)) continue;
    const named = { ...config, id, name: config.name === config.id ? id : config.name };
    const file = path.join(building, RUN_FILE);
    // It may hold prompts, and names that somebody gave.
    await writeFile(file, runText(named), { mode: PRIVATE_FILE });
    await sync(file);
    await sync(building);
    try {
      await rename(building, folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Taken by another process since the look.
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') continue;
      throw error;
    }
    await sync(runs);
    return folder;
  }
}

/** Runners that know nothing of these take a run that leaves them as they are. */
const SAID_IF_CHANGED: ReadonlySet<string> = new Set(['shard', 'offload', 'precision', 'recompute']);

/** What `run.json` says. */
export function runText(config: RunConfig): string {
  const said = Object.entries(config.runner).filter(
    ([name, value]) => !SAID_IF_CHANGED.has(name) || value !== DEFAULT_RUNNER[name as keyof typeof DEFAULT_RUNNER],
  );
  const runner = Object.fromEntries(said);
  return `${JSON.stringify({ ...config, runner }, null, 2)}\n`;
}

/** Turns what the file system says into words for a person. */
async function writing<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const [what, advice] =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? ['the disk is full', 'free some space, or choose another folder for the runs']
        : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
          ? ['no permission to write the run folder', 'choose a folder that you may write to']
          : code === 'ENOENT' || code === 'ENOTDIR'
            ? ['the run folder cannot be made there', 'choose a folder that is there and that you may write to']
            : [`cannot write the run folder: ${message}`, 'check the folder and its disk'];
    throw new WishboneError(what, where, advice, ExitCode.cannotWrite);
  }
}

async function sync(fileOrFolder: string): Promise<void> {
  const handle = await open(fileOrFolder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function removeAbandoned(runs: string): Promise<void> {
  for (const name of await readdir(runs)) {
    if (!name.startsWith(UNDER_CONSTRUCTION)) continue;
    const folder = path.join(runs, name);
    const { mtimeMs } = await stat(folder);
    if (Date.now() - mtimeMs > ABANDONED_MILLISECONDS) await rm(folder, { recursive: true, force: true });
  }
}

/** A run as its folder tells it. */
export interface Run {
  /** Absolute path. */
  readonly folder: string;
  /** As in `run.json`, but with the name that the run was given since. */
  readonly config: RunConfig;
  readonly tags: readonly string[];
  /** Empty when there are none. */
  readonly notes: string;
  readonly pinned: boolean;
}

/**
 * Reads a run folder's `run.json` and its labels.
 *
 * @throws WishboneError naming file and field when it is missing or broken
 */
export async function readRun(folder: string): Promise<Run> {
  const file = path.join(path.resolve(folder), RUN_FILE);
  let text: string;
  try {
    text = await readPlainText(file, mostBytes.json);
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new WishboneError(
      missing ? 'not a run folder: there is no run.json' : `cannot read run.json: ${message}`,
      file,
      missing ? 'give a folder under .wishbone/runs' : 'check that the file may be read',
    );
  }
  const config = parseRunConfig(text, file);
  const { name = config.name, tags, notes = '', pinned = false } = await readLabels(path.dirname(file));
  return { folder: path.dirname(file), config: { ...config, name }, tags, notes, pinned };
}

/** One line of a list of runs: a readable run, or a folder with what is wrong with it. */
export type RunListing =
  | {
      readonly folder: string;
      readonly config: RunConfig;
      readonly tags: readonly string[];
      readonly notes?: string;
      readonly pinned?: boolean;
      readonly state: RunState;
      readonly step: number;
      readonly steps: number | undefined;
      /** What it is judged by; undefined before the first step. */
      readonly figures: Headline | undefined;
      /** Of a run that a cluster has. */
      readonly job?: JobStatus | undefined;
      /** Known of a run that is followed. */
      readonly secondsLeft?: number;
      readonly problem?: undefined;
    }
  | { readonly folder: string; readonly problem: WishboneError };

/** All runs of a folder, newest first, broken ones last. A folder that does not exist has none. */
export async function listRuns(runsFolder: string): Promise<RunListing[]> {
  const folders = await runFolders(path.resolve(runsFolder));
  const listings: RunListing[] = [];
  // Several at once: most of the time goes to waiting for the disk.
  const next = async (): Promise<void> => {
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) listings.push(await listRun(folder));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const created = (run: RunListing): string => (run.problem === undefined ? run.config.created : '');
  return listings.sort((a, b) => compare(created(b), created(a)) || compare(b.folder, a.folder));
}

/** Folders of the runs that a process works on. */
export async function activeRuns(runsFolder: string): Promise<string[]> {
  const active: string[] = [];
  for (const folder of await runFolders(path.resolve(runsFolder))) if (await isAtWork(folder)) active.push(folder);
  return active;
}

/**
 * Whether a process works on the run. Cheap, so that it can be asked again and again: a run whose starter left a record
 * is judged by that record, and only others' logs are read.
 */
export async function isAtWork(folder: string): Promise<boolean> {
  const [record, job] = await Promise.all([readProcessRecord(folder), readJobRecord(folder)]);
  const byEvents = record === undefined || job?.id !== undefined || (await isElsewhere(record));
  return byEvents ? isActive(await runState(folder).catch(() => 'failed' as const)) : isAlive(record);
}

/** Absolute paths of the runs of a folder, whole or not; none when there is no such folder. */
export async function runFolders(runs: string): Promise<string[]> {
  try {
    const entries = await readdir(runs, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => path.join(runs, name));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR') throw new WishboneError('the folder of runs is a file', runs, 'name a folder: .wishbone/runs, or another one');
    throw new WishboneError(`cannot read the folder of runs: ${message}`, runs, 'check that it may be read');
  }
}

/** One run as a list shows it. Reads the ends of its log only, so that long logs are no slower to list. */
export async function listRun(folder: string): Promise<RunListing> {
  try {
    const { config, tags, notes, pinned } = await readRun(folder);
    const history = new RunHistory();
    for (const event of await readEventEnds(folder, { evals: config.training.eval_steps > 0, brief: true })) history.add(event);
    const state = await stateOf(folder, history);
    const job = await jobStatus(folder, await readJobRecord(folder), history);
    return {
      folder,
      config,
      tags,
      notes,
      pinned,
      state,
      ...(job && { job }),
      step: history.step,
      steps: history.totalSteps,
      figures: headline(history),
    };
  } catch (error) {
    if (error instanceof WishboneError) return { folder, problem: error };
    return { folder, problem: new WishboneError(`cannot read the run: ${String(error)}`, folder, 'check the folder') };
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const WORDS = [
  'acorn',
  'amber',
  'anchor',
  'arbor',
  'aspen',
  'aurora',
  'bamboo',
  'basil',
  'beacon',
  'birch',
  'bramble',
  'breeze',
  'brook',
  'canyon',
  'cedar',
  'cherry',
  'clover',
  'cobalt',
  'comet',
  'copper',
  'coral',
  'cotton',
  'crane',
  'cypress',
  'dahlia',
  'dapple',
  'delta',
  'dune',
  'ember',
  'falcon',
  'fennel',
  'fern',
  'fjord',
  'flint',
  'garnet',
  'ginger',
  'glacier',
  'gorse',
  'granite',
  'grove',
  'harbor',
  'hazel',
  'heather',
  'heron',
  'indigo',
  'island',
  'ivory',
  'jasper',
  'juniper',
  'kestrel',
  'lagoon',
  'lantern',
  'larch',
  'lichen',
  'linden',
  'lotus',
  'lupin',
  'maple',
  'marble',
  'meadow',
  'mesa',
  'mint',
  'moss',
  'nectar',
  'nutmeg',
  'oasis',
  'ochre',
  'olive',
  'onyx',
  'opal',
  'orchid',
  'osprey',
  'pebble',
  'pepper',
  'pine',
  'plover',
  'poplar',
  'prairie',
  'quartz',
  'quince',
  'raven',
  'reed',
  'ridge',
  'river',
  'robin',
  'rowan',
  'saffron',
  'sage',
  'sierra',
  'sorrel',
  'sparrow',
  'spruce',
  'summit',
  'swift',
  'teal',
  'thistle',
  'thyme',
  'tundra',
  'umber',
  'valley',
  'violet',
  'walnut',
  'willow',
  'wren',
  'yarrow',
  'zephyr',
] as const;
