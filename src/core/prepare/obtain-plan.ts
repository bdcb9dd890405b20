import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { version } from '../../../package.json';
import { writeFileAtomically } from '../files/atomic-file.js';
import { seal, unseal } from '../files/sealed-text.js';
import type { DiskCache } from '../files/disk-cache.js';
import { fileHash } from '../files/file-hash.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { copied } from '../files/share-file.js';
import type { ModelInfo } from '../model/index.js';
import { type DecidedPlan, LEAST_CAPACITY } from '../options/index.js';
import { type Plan, readPlan, writePlan } from '../plan/index.js';
import type { DatasetReference } from '../run/config.js';
import {
  type DatasetFile,
  type DatasetRequest,
  findDataset,
  type FoundDataset,
  type TokenisedDataset,
  tokeniseDataset,
} from '../tokenise/index.js';
import type { WorkOptions } from '../work/progress.js';
import { decidedPlan, evalPlanFor, planFor } from './dataset-plan.js';
import { evalReferenceTo, referenceTo, unused } from './dataset-reference.js';
import { type PlanSummary, summarise } from './summary.js';

/** Part of every key: another number for whatever changes what the same tokens become, or what a summary says. */
const PLAN_VERSION = 7;

/** A plan that was made or found in the cache. */
export interface PlannedDataset {
  readonly summary: PlanSummary;
  /** What it was planned with, all of it decided. */
  readonly options: DecidedPlan;
  /** What `run.json` says of the dataset. */
  readonly reference: DatasetReference;
  /** The same of the pairs held out for evaluation; undefined when there are none. */
  readonly evalReference: DatasetReference | undefined;
  readonly model: ModelInfo;
  /** The plan itself: the one that was made, or the cache's. */
  plan(): Promise<Plan>;
  /** Writes the plan, replacing a file that is there. @throws WishboneError (exit code 5) when it cannot be written */
  write(file: string): Promise<void>;
  /** The same for the plan of the pairs held out; writes nothing when there are none. */
  writeEval(file: string): Promise<void>;
}

/** Tokens that were just made, and the key that {@link findDataset} had for them. */
export interface ReadyTokens {
  readonly key: string;
  readonly dataset: TokenisedDataset;
}

/** What the cache holds of a plan beside the plan. */
interface Facts {
  readonly summary: PlanSummary;
  readonly reference: DatasetReference;
  readonly evalReference?: DatasetReference | undefined;
}

/**
 * The plan for a dataset, the one way to it for runs, forecasts and views: from the cache when the same content was planned in the same way before, else made and put
 * there.
 *
 * @param want.files whether the plan will be written; without, a cached summary is enough
 * @param want.ready tokens that are in memory, and are used if they are the dataset's
 * @throws WishboneError for bad input
 */
export async function obtainPlan(
  request: DatasetRequest,
  work: WorkOptions,
  want: { readonly files: boolean; readonly ready?: ReadyTokens | undefined },
): Promise<PlannedDataset> {
  const found = await findDataset(request, work.signal);
  const { plan: asked, autoCapacity = LEAST_CAPACITY } = request;
  // Most pairs are shorter than that; else the longest is known once there are tokens.
  const likely = { ...asked, capacity: asked.capacity === 'auto' ? autoCapacity : asked.capacity };
  const cached = await fromCache(request, likely, work, found, want.files);
  if (cached) return cached;
  const dataset = want.ready?.key === found.key ? want.ready.dataset : await tokeniseDataset(request, work, found);
  const options = decidedPlan(dataset, asked, autoCapacity);
  if (options.capacity !== likely.capacity) {
    const longer = await fromCache(request, options, work, found, want.files);
    if (longer) return longer;
  }
  const { devices } = request;
  const plan = await planFor(dataset, { ...options, devices }, work);
  const evaluation = await evalPlanFor(dataset, { ...options, devices }, work);
  const facts = {
    summary: await summarise(dataset, plan, options.order, work),
    reference: referenceTo(dataset),
    evalReference: evalReferenceTo(dataset),
  };
  const named = withNames(facts, request);
  const { cache, model } = found.context;
  const key = planKey(options, found, request.devices);
  // A file that changed since it was hashed must not be found under its old content's name.
  const unchanged = dataset.files.every(({ sha256 }, index) => sha256 === found.hashes[index]);
  if (want.files && unchanged) {
    await keep(cache, key, plan);
    if (evaluation) await keep(cache, `${key}-eval`, evaluation);
  }
  if (unchanged) {
    const sealed = seal(JSON.stringify(facts));
    await cache.put('plans', key, 'json', (file) => writeFileAtomically(file, async (handle) => void (await handle.writeFile(sealed))));
  }
  return {
    evalReference: undefined,
    ...named,
    options,
    model,
    plan: () => Promise.resolve(plan),
    write: (file) => writePlan(file, plan),
    writeEval: evaluation ? (file) => writePlan(file, evaluation) : async () => undefined,
  };
}

async function fromCache(
  request: DatasetRequest,
  options: DecidedPlan,
  work: WorkOptions,
  found: FoundDataset,
  files: boolean,
): Promise<PlannedDataset | undefined> {
  const { cache, model } = found.context;
  const key = planKey(options, found, request.devices);
  const json = await cache.find('plans', key, 'json');
  if (json === undefined) return undefined;
  const facts = await readFacts(json, found);
  if (facts === undefined) {
    await cache.drop(json);
    return undefined;
  }
  const nothing = async (): Promise<void> => undefined;
  const named = { evalReference: undefined, ...withNames(facts, request) };
  const withFiles = async (): Promise<Plan> => (await obtainPlan(request, work, { files: true })).plan();
  const base = { ...named, options, model, plan: withFiles, write: nothing, writeEval: nothing };
  if (!files) return base;
  const plan = await kept(cache, key);
  const evaluation = facts.summary.evalPairs > 0 ? await kept(cache, `${key}-eval`) : undefined;
  if (plan === undefined || (facts.summary.evalPairs > 0 && evaluation === undefined)) return undefined;
  const from = (own: string) => (file: string) => copied(own, file);
  const read = (): Promise<Plan> =>
    readPlan(plan).catch(async () => {
      // Damaged, or gone by now: it is made again.
      await cache.drop(plan);
      return withFiles();
    });
  return { ...base, plan: read, write: from(plan), writeEval: evaluation === undefined ? nothing : from(evaluation) };
}

/** The facts of a cached plan, with the files' names as they are now: the same content may lie elsewhere. */
async function readFacts(file: string, { sources, evalSources }: FoundDataset): Promise<Facts | undefined> {
  const json = unseal(await readFile(file, 'utf8').catch(() => ''));
  if (json === undefined) return undefined;
  const facts = JSON.parse(json) as Facts;
  const { summary, reference, evalReference } = facts;
  if (summary.files.length !== sources.length) return undefined;
  const renamed = <File extends { readonly path: string }>(files: readonly File[], now: typeof sources): File[] =>
    files.map((old, index) => ({ ...old, path: now[index]?.path ?? old.path }));
  const [files, evalFiles] = [renamed(summary.files, sources), renamed(summary.evalFiles, evalSources)];
  const now = (reference: DatasetReference, now: typeof sources, of: readonly DatasetFile[]): DatasetReference => ({
    ...reference,
    path: now[0]?.path ?? reference.path,
    ...(reference.files ? { files: renamed(reference.files, now) } : {}),
    ...unused(of),
  });
  return {
    summary: { ...summary, files, evalFiles },
    reference: now(reference, sources, files),
    evalReference:
      evalReference && (evalFiles.length > 0 ? now(evalReference, evalSources, evalFiles) : now(evalReference, sources, files)),
  };
}

/** What is cached is found by content; the names are this request's. */
function withNames(facts: Facts, { dataset, evalDataset }: DatasetRequest): Facts {
  const named = (reference: DatasetReference, asked: string | readonly string[]): DatasetReference => {
    const names = [asked].flat().map((name) => path.resolve(name));
    return names.length === 1 && names[0] === reference.path ? reference : { ...reference, names };
  };
  const { reference, evalReference } = facts;
  return {
    ...facts,
    reference: named(reference, dataset),
    // Pairs that are held out come from the dataset itself.
    evalReference: evalReference && (evalDataset === undefined ? evalReference : named(evalReference, evalDataset)),
  };
}

function planKey(plan: DecidedPlan, { key, context }: FoundDataset, devices = 1): string {
  const { file: _, ...shape } = context.model.config;
  const all = ['plan', PLAN_VERSION, version, key, plan, shape, context.model.parameters, ...(devices > 1 ? [devices] : [])];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/** Puts a plan and its hash into the cache. */
async function keep(cache: DiskCache, key: string, plan: Plan): Promise<void> {
  await cache.put('plans', key, 'safetensors', async (file) => {
    await writePlan(file, plan);
    const hash = await fileHash(file);
    await writeFileAtomically(`${file.slice(0, -'.safetensors'.length)}.sha256`, (handle) => handle.writeFile(hash));
  });
}

/**
 * The file of a plan that is in the cache as it was put there; what is there otherwise is removed: a plan that is damaged,
 * or was changed by somebody, must not train anything.
 */
async function kept(cache: DiskCache, key: string): Promise<string | undefined> {
  const [plan, hash] = [await cache.find('plans', key, 'safetensors'), await cache.find('plans', key, 'sha256')];
  if (plan === undefined) return undefined;
  const expected = hash === undefined ? undefined : await readPlainText(hash, mostBytes.record).catch(() => undefined);
  if (expected !== undefined && expected === (await fileHash(plan).catch(() => undefined))) return plan;
  await cache.drop(plan);
  if (hash !== undefined) await cache.drop(hash);
  return undefined;
}
