import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { tokenText } from '../inspect/texts.js';
import { inspectModel } from '../model/index.js';
import { buildPlan, type Plan } from '../plan/index.js';
import { exportBest } from '../runner/best-model.js';
import type { RunConfig } from '../run/index.js';
import { endTokens, type SampledModel, sampledModels, startOf } from '../sample/models.js';
import { ModelTokenizer, type TokenPair } from '../tokenizer/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { PairChange } from './changes.js';
import type { ChangePart } from './decompose.js';
import { type PairTokens, spread, tokensOfPairs } from './pair-tokens.js';
import { targetLogps } from './target-logps.js';
import { partsOfTokens, type ResponseChange, type TokenChange } from './token-parts.js';

/** What was found by asking the models for every token of some pairs. */
export interface TokenAnswer {
  readonly pairs: number;
  /** Of the chosen responses. */
  readonly tokens: number;
  /** Mean change of a pair's chosen response, and of its rejected one, in nats: from the model before training to the trained one. */
  readonly chosen: number;
  readonly rejected: number;
  readonly parts: readonly ChangePart[];
}

/** Tokens of all pairs that are looked at, at most. */
const MOST_TOKENS = 100_000;

/**
 * Tells the change of some pairs apart by their tokens: by position, overlap and kind. The model that training started from and the
 * trained one are each asked once.
 *
 * @param folder of the run
 * @param pairs of `plan`, of which at most `most` are taken, spread over all
 * @param runner the runner's path; by default it is looked for
 * @throws WishboneError when the run has no trained model yet, a model is gone, or with what the runner says
 */
export async function tokenChanges(
  folder: string,
  config: RunConfig,
  plan: Plan,
  pairs: readonly PairChange[],
  most: number,
  work: WorkOptions = {},
  runner?: string,
): Promise<TokenAnswer> {
  const start = startOf(folder, config);
  const trained = await latestModel(folder, start, work.signal);
  const chosen = bounded(tokensOfPairs(plan, new Set(spread(pairs, most).map(({ pair }) => pair))));
  const { config: shape } = await inspectModel(start.folder);
  const asked = await buildPlan(
    {
      pairs: chosen.map((pair, row): TokenPair => ({ ...pair, row, line: row + 1 })),
      skipped: 0,
      truncated: 0,
      shape,
      sha256: plan.metadata.sha256,
      datasetFile: config.dataset.path,
    },
    {
      sharing: 'pair',
      capacity: plan.metadata.capacity,
      batch_size: chosen.length,
      epochs: 1,
      seed: 0,
      max_length: plan.metadata.max_length,
    },
  );
  const [before, after] = await targetLogps(asked, [start, trained], config.runner, work, runner);
  const changes = changesOf(asked, chosen, before!, after!);
  const tokenizer = await ModelTokenizer.load(start.folder, config.plan.chat_template);
  const texts = new Map<number, string>();
  const textOf = (token: number): string => {
    const known = texts.get(token);
    if (known !== undefined) return known;
    const text = tokenText(tokenizer, token);
    texts.set(token, text);
    return text;
  };
  const mean = (side: 'chosen' | 'rejected'): number =>
    changes.reduce((sum, change) => sum + change[side].changes.reduce((a, b) => a + b, 0), 0) / changes.length;
  return {
    pairs: changes.length,
    tokens: changes.reduce((sum, { chosen: own }) => sum + own.tokens.length, 0),
    chosen: mean('chosen'),
    rejected: mean('rejected'),
    parts: partsOfTokens(changes, textOf, new Set(await endTokens(start.folder))),
  };
}

/** What the run exported, else its newest checkpoint, which is exported then. */
async function latestModel(folder: string, start: SampledModel, signal: AbortSignal | undefined): Promise<SampledModel> {
  const exported = path.join(folder, 'export');
  const isThere = (file: string): Promise<boolean> =>
    access(file).then(
      () => true,
      () => false,
    );
  const has = await Promise.all(['config.json', 'adapter_config.json'].map((name) => isThere(path.join(exported, name))));
  if (has.some(Boolean)) return (await sampledModels(folder)).policy;
  const names = await readdir(path.join(folder, 'checkpoints')).catch(() => []);
  const steps = names.flatMap((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? []));
  if (steps.length === 0) {
    throw new WishboneError('the run has no trained model yet', folder, 'try again when it has written a checkpoint, or has finished');
  }
  const model = await exportBest(folder, { step: Math.max(...steps), ...(signal === undefined ? {} : { signal }) });
  return (await isThere(path.join(model, 'adapter_config.json'))) ? { folder: start.folder, adapter: model } : { folder: model };
}

/** As many as have so few tokens together, the first in any case. */
function bounded(pairs: ReadonlyMap<number, PairTokens>): PairTokens[] {
  let tokens = 0;
  return [...pairs.values()].filter(({ chosen, rejected }, at) => {
    tokens += chosen.length + rejected.length;
    return at === 0 || tokens <= MOST_TOKENS;
  });
}

/** The plan's targets of each sequence stand in the order of its tokens. */
function changesOf(plan: Plan, pairs: readonly PairTokens[], before: Float32Array, after: Float32Array): TokenChange[] {
  const bySequence: number[][] = Array.from(plan.sequenceReference, () => []);
  plan.targetSequence.forEach((sequence, target) => bySequence[sequence]!.push(after[target]! - before[target]!));
  const response = (sequence: number, tokens: Int32Array, promptLength: number): ResponseChange => ({
    tokens: tokens.subarray(promptLength),
    changes: Float32Array.from(bySequence[sequence]!),
  });
  return Array.from(plan.pairRow, (row, pair): TokenChange => {
    const { chosen, rejected, promptLength } = pairs[row]!;
    return {
      chosen: response(plan.pairChosen[pair]!, chosen, promptLength),
      rejected: response(plan.pairRejected[pair]!, rejected, promptLength),
    };
  });
}
