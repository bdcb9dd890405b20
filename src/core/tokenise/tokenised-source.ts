import { createHash } from 'node:crypto';
import {
  Dataset,
  type ColumnReport,
  type DatasetForm,
  type DatasetSource,
  type LeftOutRows,
  type PairCounts,
  readOptionsOf,
} from '../dataset/index.js';
import { hashDatasetFile } from '../dataset/hash-file.js';
import type { DiskCache } from '../files/disk-cache.js';
import { WishboneError } from '../errors.js';
import type { ModelInfo } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { PlanOptions } from '../options/index.js';
import { seal, unseal } from '../files/sealed-text.js';
import type { ThreadOptions } from '../transport/index.js';
import { tokeniseFile } from './tokenise-file.js';
import { TokenStore } from './token-store.js';
import { fileKind } from '../dataset/file-kinds.js';

/** Part of every key: another number for whatever changes what the same input becomes. */
const TOKENS_VERSION = 6;

/** What reading a file has shown, besides its tokens. */
export interface SourceFacts {
  readonly sha256: string;
  readonly form: DatasetForm;
  readonly rows: number;
  /** Pairs that the rows made, before any was skipped, and those they did not for want of a margin. */
  readonly counts: PairCounts;
  /** Columns that were not read. */
  readonly columnReport: ColumnReport;
  /** Rows that could not be used, where they may be left out. */
  readonly leftOut: LeftOutRows;
}

/** One file of a dataset, tokenised for a model. */
export interface TokenisedSource extends SourceFacts {
  readonly source: DatasetSource;
  readonly store: TokenStore;
}

/** What decides the tokens of a file besides its bytes. */
export interface SourceContext {
  readonly model: ModelInfo;
  readonly tokenizerHash: string;
  readonly plan: PlanOptions;
  readonly cache: DiskCache;
  readonly threads: ThreadOptions;
}

/**
 * Key of a file's tokens: the file's bytes and kind, how its rows are read, the tokenizer's files, and the lengths at
 * which sequences are cut.
 */
export function tokensKey(source: DatasetSource, sha256: string, { model, tokenizerHash, plan }: SourceContext): string {
  const { vocabSize, maxPositions } = model.config;
  const { form, columns, tags, media, shown } = source;
  const { kind: ending, packing } = fileKind(source.path);
  const kind = ending === undefined ? '' : `.${ending}${packing === undefined ? '' : `.${packing}`}`;
  const { format, pairing, min_margin: minMargin, max_length: maxLength, max_prompt_length: maxPromptLength } = plan;
  const parts = { format, pairing, minMargin, maxLength, maxPromptLength, vocabSize, maxPositions, onBadRow: plan.on_bad_row };
  const template = plan.chat_template;
  const all = ['tokens', TOKENS_VERSION, sha256, kind, { form, columns, tags, media, shown }, tokenizerHash, template, parts];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

/**
 * A file's tokens: from the cache, else made and put there.
 *
 * @param sha256 of the file's bytes as they were hashed for the key
 * @throws WishboneError for the first thing that is wrong with the file
 */
export async function tokeniseSource(
  source: DatasetSource,
  sha256: string,
  context: SourceContext,
  work: WorkOptions,
): Promise<TokenisedSource> {
  const { cache, plan, model } = context;
  const key = tokensKey(source, sha256, context);
  const found = await fromCache(cache, key);
  if (found) return { source, ...found };
  const options = readOptionsOf(source, plan);
  const dataset = await Dataset.open(source.path, options);
  const task = {
    folder: model.folder,
    template: plan.chat_template,
    options: {
      maxLength: plan.max_length,
      maxPromptLength: plan.max_prompt_length,
      file: source.path,
      vocabSize: model.config.vocabSize,
      maxPositions: model.config.maxPositions,
    },
    skipsBadRows: plan.on_bad_row === 'skip',
  };
  const { store, leftOut, unmade } = await tokeniseFile(dataset, task, work, context.threads);
  if (dataset.form === undefined) throw new Error('a dataset with rows has a form');
  const { rowCount: rows, columns: columnReport } = dataset;
  const counts = { ...dataset.counts, made: dataset.counts.made - unmade };
  const facts: SourceFacts = { sha256: dataset.sha256, form: dataset.form, rows, counts, columnReport, leftOut };
  // A file that changed between hashing and reading: what was read counts, and is not kept under the other's key.
  if (facts.sha256 === sha256) {
    await cache.put('tokens', key, 'safetensors', (file) => store.save(file, seal(JSON.stringify(facts))));
  }
  return { source, store, ...facts };
}

async function fromCache(cache: DiskCache, key: string): Promise<(SourceFacts & { readonly store: TokenStore }) | undefined> {
  const file = await cache.find('tokens', key, 'safetensors');
  if (file === undefined) return undefined;
  try {
    const { store, about } = await TokenStore.load(file);
    const facts = unseal(about);
    if (facts === undefined)
      throw new WishboneError('the cached data about the file is damaged', file, 'delete the file; it is created again');
    return { store, ...(JSON.parse(facts) as SourceFacts) };
  } catch (error) {
    if (!(error instanceof WishboneError) && !(error instanceof SyntaxError)) throw error;
    await cache.drop(file);
    return undefined;
  }
}

/** Hashes of all files, in their order. */
export async function hashSources(sources: readonly DatasetSource[], signal?: AbortSignal): Promise<string[]> {
  const hashes: string[] = [];
  for (const { path: file } of sources) hashes.push(await hashDatasetFile(file, signal));
  return hashes;
}
