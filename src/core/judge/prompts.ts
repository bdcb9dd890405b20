import { createHash } from 'node:crypto';
import path from 'node:path';
import { Dataset } from '../dataset/index.js';
import { hashDatasetFile } from '../dataset/hash-file.js';
import { WishboneError } from '../errors.js';
import { readPlan } from '../plan/index.js';
import { EVAL_PLAN_FILE } from '../run/folder.js';
import type { RunConfig } from '../run/index.js';
import { type ModelTokenizer, PairTokenizer } from '../tokenizer/index.js';
import { type PairTokens, tokensOfPairs } from '../why/pair-tokens.js';

/** A prompt with the responses that the dataset has for it. */
export interface JudgedPrompt {
  /** Tells it from all others of its source. */
  readonly key: string;
  readonly text: string;
  readonly tokens: readonly number[];
  readonly chosen: string;
  readonly rejected: string;
}

/** Where prompts are from. */
export interface PromptSource {
  readonly from: 'evaluation' | 'dataset';
  /** Absolute; of several files the first. */
  readonly path: string;
  /** Of the dataset. */
  readonly sha256: string;
}

export interface FoundPrompts {
  readonly prompts: readonly JudgedPrompt[];
  /** So many were passed over: with a completion they are longer than the models can read. */
  readonly tooLong: number;
}

/** How a prompt becomes text. */
export interface PromptReader {
  readonly tokenizer: ModelTokenizer;
  /** Tokens that end a response. */
  readonly ends: readonly number[];
  readonly vocabSize: number;
  /** Tokens of a prompt, at most. */
  readonly longest: number;
}

/** Pairs of a plan that are read at once. */
const AT_ONCE = 512;

/**
 * Where a run's prompts are from that it does not train on, or a file's.
 *
 * @throws WishboneError when the run evaluates nothing and no file is named, or that cannot be read
 */
export async function promptSource(config: RunConfig, dataset: string | undefined): Promise<PromptSource> {
  if (dataset !== undefined) {
    const file = path.resolve(dataset);
    return { from: 'dataset', path: file, sha256: await hashDatasetFile(file) };
  }
  const own = config.eval_dataset;
  if (own !== undefined) return { from: 'evaluation', path: own.path, sha256: own.sha256 };
  throw new WishboneError(
    'the run has no pairs for evaluation',
    config.name,
    'name a preference file with prompts that it was not trained on: --dataset on the command line',
  );
}

/**
 * The first different prompts of a source, as training reads them.
 *
 * @param folder of the run
 * @throws WishboneError when there is none, or for what is wrong with the file before that many were found
 */
export async function findPrompts(folder: string, source: PromptSource, count: number, reader: PromptReader): Promise<FoundPrompts> {
  const found = new Map<string, JudgedPrompt>();
  const tooLong = new Set<string>();
  const pairs = source.from === 'evaluation' ? pairsOfPlan(folder) : pairsOfFile(source.path, reader);
  for await (const pair of pairs) {
    const tokens = Array.from(pair.chosen.subarray(0, pair.promptLength));
    const key = createHash('sha256').update(tokens.join()).digest('hex').slice(0, 16);
    if (found.has(key) || tooLong.has(key)) continue;
    if (tokens.length > reader.longest) tooLong.add(key);
    else found.set(key, { key, tokens, text: reader.tokenizer.decode(tokens), ...responses(pair, reader) });
    if (found.size === count) break;
  }
  if (found.size > 0) return { prompts: [...found.values()], tooLong: tooLong.size };
  if (tooLong.size > 0)
    throw new WishboneError('every prompt is too long for the models with a completion', source.path, 'lower the tokens of a completion');
  throw new WishboneError('there is no prompt', source.path, 'give a preference file with pairs');
}

function responses({ chosen, rejected, promptLength }: PairTokens, { tokenizer, ends }: PromptReader) {
  const text = (tokens: Int32Array): string => {
    const own = Array.from(tokens.subarray(promptLength));
    // What a template writes behind the end is part of no response.
    const end = Math.max(...ends.map((token) => own.lastIndexOf(token)), -1);
    const isLast = end >= 0 && tokenizer.decode(own.slice(end + 1)).trim() === '';
    return tokenizer.decode(isLast ? own.slice(0, end) : own);
  };
  return { chosen: text(chosen), rejected: text(rejected) };
}

async function* pairsOfPlan(folder: string): AsyncGenerator<PairTokens> {
  const plan = await readPlan(path.join(folder, EVAL_PLAN_FILE));
  for (let first = 0; first < plan.pairRow.length; first += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, plan.pairRow.length - first) }, (_, i) => first + i);
    const pairs = tokensOfPairs(plan, new Set(numbers));
    for (const number of numbers) {
      const pair = pairs.get(number);
      if (pair !== undefined) yield pair;
    }
  }
}

async function* pairsOfFile(file: string, { tokenizer, vocabSize, longest }: PromptReader): AsyncGenerator<PairTokens> {
  const dataset = await Dataset.open(file);
  // Responses are read whole: what is too long is known by its prompt.
  const pairs = new PairTokenizer(tokenizer, { file, vocabSize, maxLength: Math.max(longest, 1) * 64 });
  for await (const pair of dataset.pairs()) {
    const outcome = pairs.tokenize(pair);
    if (outcome.kind === 'pair') yield outcome.pair;
  }
}
