import { createHash } from 'node:crypto';
import {
  type ColumnReport,
  type DatasetForm,
  type DatasetSource,
  findSources,
  type LeftOutRows,
  type PairCounts,
  parseColumns,
  type RowPlace,
} from '../dataset/index.js';
import { ExitCode, WishboneError } from '../errors.js';
import { DiskCache } from '../files/disk-cache.js';
import { inspectModel, type ModelInfo } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { PlanOptions } from '../options/index.js';
import { tokenizerHash, type TokenPair } from '../tokenizer/index.js';
import { mix } from './mixture.js';
import type { ThreadOptions } from '../transport/index.js';
import type { TokenCounts } from './token-store.js';
import { hashSources, tokensKey, tokeniseSource, type SourceContext, type TokenisedSource } from './tokenised-source.js';

/** What is to be tokenised, for which model, and how. */
export interface DatasetRequest {
  /** File names, globs, entries of a `dataset_info.json`, each with a weight if need be (`findSources`). */
  readonly dataset: string | readonly string[];
  /** Held-out pairs, named in the same way. */
  readonly evalDataset?: string | readonly string[] | undefined;
  /** Folder of the model. */
  readonly model: string;
  /** How rows are read and paired; `max_length` is the most tokens of one sequence. */
  readonly plan: PlanOptions;
  /** What a bin holds where `plan.capacity` is "auto" and no pair is longer: what the device has room for. */
  readonly autoCapacity?: number | undefined;
  /** How many devices the plan is for; 1 where nobody says. */
  readonly devices?: number | undefined;
  /** Most bytes that the cache may keep; 0: no cache. */
  readonly cacheLimit?: number | undefined;
  /** Folder of the cache. */
  readonly cacheFolder?: string | undefined;
  readonly threads?: ThreadOptions | undefined;
}

/** One file of a dataset and what it held. */
export interface DatasetFile extends DatasetSource {
  readonly sha256: string;
  readonly form: DatasetForm;
  readonly rows: number;
  /** Pairs with tokens, before any was held out or taken more than once. */
  readonly pairs: number;
  /** Columns of its rows that their form does not read. */
  readonly columnReport: ColumnReport;
  /** Rows that could not be used and were left out, with `on_bad_row` `skip`. */
  readonly leftOut: LeftOutRows;
}

/** A dataset tokenised for a model. */
export interface TokenisedDataset {
  /** The first file, absolute; errors name it when a pair does not name another. */
  readonly file: string;
  /** Of the first file. */
  readonly form: DatasetForm;
  readonly files: readonly DatasetFile[];
  /** Trained on, in order; the weights have been applied. */
  readonly pairs: readonly TokenPair[];
  /** Held out for evaluation. */
  readonly evalPairs: readonly TokenPair[];
  /** The files they come from when they have files of their own. */
  readonly evalFiles: readonly DatasetFile[];
  /** Pairs that the rows made, before any was skipped, and those they did not for want of a margin. */
  readonly counts: PairCounts;
  /** Where the pairs stand that `max_length` leaves without a response. */
  readonly skipped: readonly RowPlace[];
  /** Pairs of which a side was cut to `max_length`. */
  readonly truncated: number;
  /** All that was cut, of all files. */
  readonly cuts: TokenCounts;
  /** `evaluation`: of the files that the pairs held out come from. */
  readonly sha256: { readonly dataset: string; readonly evaluation: string; readonly tokenizer: string };
  readonly model: ModelInfo;
}

/** The files of a request with their hashes: enough to know whether its result is cached. */
export interface FoundDataset {
  readonly sources: readonly DatasetSource[];
  readonly hashes: readonly string[];
  readonly evalSources: readonly DatasetSource[];
  readonly evalHashes: readonly string[];
  readonly context: SourceContext;
  /** Key of the dataset's tokens, training and evaluation together. */
  readonly key: string;
}

/**
 * Finds and hashes the files of a dataset, and looks at the model.
 *
 * @throws WishboneError when one is not there, the model folder is not one we can use, or pairs for evaluation are to come
 *   from two places
 */
export async function findDataset(request: DatasetRequest, signal?: AbortSignal): Promise<FoundDataset> {
  if (request.evalDataset !== undefined && request.plan.eval_fraction > 0) {
    throw new WishboneError(
      'an eval dataset and a held-out fraction are both given',
      'plan.eval_fraction',
      'remove the eval dataset, or set eval_fraction to 0',
      ExitCode.usage,
    );
  }
  const columns = parseColumns(request.plan.columns);
  const sources = await findSources(request.dataset, columns);
  const evalSources = request.evalDataset === undefined ? [] : await findSources(request.evalDataset, columns);
  const model = await inspectModel(request.model);
  const context: SourceContext = {
    model,
    tokenizerHash: await tokenizerHash(model.folder),
    plan: request.plan,
    cache: new DiskCache(request.cacheFolder, request.cacheLimit),
    threads: request.threads ?? {},
  };
  const hashes = await hashSources(sources, signal);
  const evalHashes = await hashSources(evalSources, signal);
  const keys = (files: readonly DatasetSource[], of: readonly string[]): unknown[] =>
    files.map((source, index) => [
      tokensKey(source, of[index] as string, context),
      ...[source.weight, source.samples ?? null, source.name],
    ]);
  const { seed, eval_fraction: evalFraction } = request.plan;
  const all = [keys(sources, hashes), keys(evalSources, evalHashes), seed, evalFraction];
  const key = createHash('sha256').update(JSON.stringify(all)).digest('hex');
  return { sources, hashes, evalSources, evalHashes, context, key };
}

/**
 * Reads a dataset and tokenises it with the model folder's own tokenizer, file by file; what is in the cache is taken
 * from there.
 *
 * @throws WishboneError for the first thing that is wrong with the files or the folder
 */
export async function tokeniseDataset(request: DatasetRequest, work: WorkOptions = {}, found?: FoundDataset): Promise<TokenisedDataset> {
  const { sources, hashes, evalSources, evalHashes, context } = found ?? (await findDataset(request, work.signal));
  const tokenise = async (files: readonly DatasetSource[], of: readonly string[]): Promise<TokenisedSource[]> => {
    const all: TokenisedSource[] = [];
    for (const [index, source] of files.entries()) {
      all.push(await tokeniseSource(source, of[index] as string, context, work));
    }
    return all;
  };
  const train = await tokenise(sources, hashes);
  const evaluation = await tokenise(evalSources, evalHashes);
  const { seed, eval_fraction: evalFraction } = request.plan;
  const { pairs, evalPairs, skipped } = mix(train, seed, evalFraction);
  const [first] = train;
  if (first === undefined) throw new Error('a dataset has at least one file');
  const sums = sum(train.map(({ store }) => store.counts));
  return {
    file: first.source.path,
    form: first.form,
    files: train.map(described),
    pairs,
    evalPairs: evaluation.length > 0 ? mix(evaluation, seed, 0).pairs : evalPairs,
    evalFiles: evaluation.map(described),
    counts: {
      made: train.reduce((made, { counts }) => made + counts.made, 0),
      dropped: train.reduce((dropped, { counts }) => dropped + counts.dropped, 0),
    },
    skipped,
    truncated: sums.truncated,
    cuts: sums,
    sha256: {
      dataset: datasetHash(train),
      evaluation: datasetHash(evaluation.length > 0 ? evaluation : train),
      tokenizer: context.tokenizerHash,
    },
    model: context.model,
  };
}

function described({ source, sha256, form, rows, store, columnReport, leftOut }: TokenisedSource): DatasetFile {
  const { pairs } = store.counts;
  const { weight, samples } = source;
  return {
    ...source,
    weight: samples === undefined ? weight : (weight * samples) / pairs,
    sha256,
    form,
    rows,
    pairs,
    columnReport,
    leftOut,
  };
}

/** The file's own hash, or one of all files with their weights. */
function datasetHash(sources: readonly TokenisedSource[]): string {
  const [first] = sources;
  if (sources.length === 1 && first?.source.weight === 1) return first.sha256;
  const all = sources.map(({ sha256, source }) => [sha256, source.weight]);
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

function sum(counts: readonly TokenCounts[]): TokenCounts {
  const total = { pairs: 0, skipped: 0, truncated: 0, truncatedTokens: 0, promptsCut: 0, promptTokensCut: 0 };
  for (const file of counts) {
    for (const name of Object.keys(total) as (keyof TokenCounts)[]) total[name] += file[name];
  }
  return total;
}
