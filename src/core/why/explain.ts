import path from 'node:path';
import { PAIR_RECORD_FILE, PairRecord } from '../pairs/record.js';
import type { PairsOf } from '../pairs/table.js';
import { readPlan, readPlanPairs } from '../plan/index.js';
import { EVAL_PLAN_FILE, PLAN_FILE, readRun } from '../run/folder.js';
import { isActive, runState } from '../run/state.js';
import { evaluatesTrained } from '../run/trained-on.js';
import { type MeanInterval, meanInterval } from '../statistics/index.js';
import { signed } from '../text/signed.js';
import type { WorkOptions } from '../work/progress.js';
import { type ChangeStart, pairChanges } from './changes.js';
import type { ChangePart } from './decompose.js';
import { overlapPart, partsOfPairs } from './pair-parts.js';
import { type Pattern, patternsOf } from './patterns.js';
import { type Remedy, remedyOf } from './remedies.js';
import { type TokenAnswer, tokenChanges } from './token-changes.js';

/** Whose change is explained. */
export interface WhyRequest {
  /** Of the run. */
  readonly folder: string;
  /** By default the pairs of its evaluations, where there are any. */
  readonly of?: PairsOf | undefined;
  /** Pairs whose tokens are looked at with the models; 0: none. */
  readonly tokenPairs: number;
  /** The runner's path; by default it is looked for. */
  readonly runner?: string | undefined;
}

/** Why the chosen responses of a run became less likely, or that they did not. Changes are in nats. */
export interface WhyAnswer {
  readonly name: string;
  readonly of: PairsOf;
  /** The run has evaluated pairs too, so that both can be asked for. */
  readonly evaluates: boolean;
  /** Steps done when it was measured, and all. */
  readonly step: number;
  readonly steps: number;
  readonly start: ChangeStart;
  /** Pairs with a record. */
  readonly seen: number;
  /** Mean change of a response's log-probability; undefined where no pair has one. */
  readonly chosen: MeanInterval | undefined;
  readonly rejected: MeanInterval | undefined;
  /** Of a token of the chosen responses. */
  readonly perToken: number;
  /** What became of the chosen ones; `unclear`: the interval holds 0. */
  readonly verdict: 'fell' | 'rose' | 'unclear' | 'none';
  /** The same in words. */
  readonly summary: string;
  /** What to keep in mind. */
  readonly notes: readonly string[];
  readonly parts: readonly ChangePart[];
  readonly patterns: readonly Pattern[];
  /** What helps with these patterns, each once, in their order. */
  readonly remedies: readonly Remedy[];
  readonly tokens: TokenAnswer | undefined;
}

/**
 * Explains a run from its record, and where it is asked for from the log-probabilities of tokens by its models.
 *
 * @throws WishboneError when the run has no record of its pairs; with tokens, when it has no model yet, or what the runner says
 */
export async function explainChosen(
  { folder: given, of: asked, tokenPairs, runner }: WhyRequest,
  work: WorkOptions = {},
): Promise<WhyAnswer> {
  const { folder, config } = await readRun(given);
  const evaluates = await hasEvaluation(folder);
  const of = asked ?? (evaluates ? 'evaluation' : 'train');
  const changes = await pairChanges(folder, config, of);
  const { pairs, start, step, seen } = changes;
  const chosen = meanInterval(pairs.map((pair) => pair.chosen));
  const rejected = meanInterval(pairs.map((pair) => pair.rejected));
  const tokensOfChosen = pairs.reduce((sum, { chosenTokens }) => sum + chosenTokens, 0);
  const perToken = pairs.reduce((sum, pair) => sum + pair.chosen, 0) / Math.max(1, tokensOfChosen);
  const verdict = verdictOf(chosen);
  const steps = (await readPlanPairs(path.join(folder, PLAN_FILE))).stepPairStart.length - 1;
  const base = { name: config.name, of, evaluates, step, steps, start, seen, chosen, rejected, perToken, verdict };
  const { ld_alpha: ldAlpha, sft_steps: sftSteps } = config.training;
  const facts = { isTrainedToo: evaluatesTrained(config), isWeighted: ldAlpha !== 1, isSupervised: sftSteps > 0 };
  const notes = await notesOf(folder, { ...base, after: changes.after }, facts);
  if (chosen === undefined || rejected === undefined) {
    return { ...base, summary: nothingText(base), notes, parts: [], patterns: [], remedies: [], tokens: undefined };
  }
  work.signal?.throwIfAborted();
  const plan = await readPlan(path.join(folder, of === 'train' ? PLAN_FILE : EVAL_PLAN_FILE));
  const near = overlapPart(plan, pairs);
  const tokens = tokenPairs > 0 ? await tokenChanges(folder, config, plan, pairs, tokenPairs, work, runner) : undefined;
  const parts = [...partsOfPairs(pairs), ...(near === undefined ? [] : [near])];
  const patterns = verdict === 'fell' ? patternsOf({ chosen, rejected, perToken, parts: [...parts, ...(tokens?.parts ?? [])] }) : [];
  const names = [...new Set(patterns.flatMap(({ remedies }) => remedies))];
  return {
    ...base,
    summary: summaryText(verdict, chosen, rejected),
    notes,
    parts,
    patterns,
    remedies: names.map((name) => remedyOf(name, config, steps)),
    tokens,
  };
}

async function hasEvaluation(folder: string): Promise<boolean> {
  const record = await PairRecord.open(path.join(folder, PAIR_RECORD_FILE));
  if (record === undefined || record.plans.evaluation === undefined) {
    await record?.close();
    return false;
  }
  try {
    for await (const { kind } of record.blocks((head) => head.kind === 'evaluation')) if (kind === 'evaluation') return true;
    return false;
  } finally {
    await record.close();
  }
}

function verdictOf(chosen: MeanInterval | undefined): WhyAnswer['verdict'] {
  if (chosen === undefined) return 'none';
  const [low, high] = chosen.interval ?? [-Infinity, Infinity];
  return high < 0 ? 'fell' : low > 0 ? 'rose' : 'unclear';
}

function summaryText(verdict: WhyAnswer['verdict'], chosen: MeanInterval, rejected: MeanInterval): string {
  const ofRejected = `rejected ones ${amount(rejected)}`;
  if (verdict === 'fell') return `Chosen responses became less likely: ${amount(chosen)}; ${ofRejected}`;
  if (verdict === 'rose') return `Chosen responses did not fall: they became more likely, ${amount(chosen)}; ${ofRejected}`;
  return `Whether chosen responses fell is not shown at this size: ${amount(chosen)}; ${ofRejected}`;
}

/** "−3.21 nats a pair (95 %: −4.00 to −2.42, n = 96)" */
function amount({ mean, interval, n }: MeanInterval): string {
  const range = interval === undefined ? '' : `95 %: ${nats(interval[0])} to ${nats(interval[1])}, `;
  return `${nats(mean)} nats a pair (${range}n = ${n.toLocaleString('en-US')})`;
}

function nats(value: number): string {
  return signed(value.toFixed(2));
}

function nothingText({ seen, start }: Pick<WhyAnswer, 'seen' | 'start'>): string {
  if (seen === 0) return 'Nothing was recorded of its pairs yet';
  return start === 'first-seen'
    ? 'No pair was seen twice, and where the run began is not known: how far responses came cannot be told'
    : 'No pair has a change that is a number';
}

async function notesOf(
  folder: string,
  {
    of,
    start,
    step,
    steps,
    after,
    evaluates,
  }: Pick<WhyAnswer, 'of' | 'start' | 'step' | 'steps' | 'evaluates'> & { readonly after: number },
  { isTrainedToo, isWeighted, isSupervised }: Readonly<Record<'isTrainedToo' | 'isWeighted' | 'isSupervised', boolean>>,
): Promise<string[]> {
  const state = await runState(folder);
  const from = start === 'reference' ? 'the reference' : 'when a pair was first seen';
  const notes = [`Changes are from ${from} to step ${step}, in nats: one nat is a factor of 2.7`];
  if (of === 'train') notes.push(`Pairs trained on, those last seen after step ${after}; each is as it was before the update of that step`);
  else notes.push(isTrainedToo ? 'Pairs that the run evaluates, and trains on too' : 'Pairs that the run evaluates and does not train on');
  if (of === 'train' && !evaluates) notes.push('With an eval dataset, pairs that are not trained on would tell more');
  if (state !== 'finished') {
    notes.push(`The run is not finished (${isActive(state) ? 'it is at work' : state}): step ${step} of ${steps}`);
  }
  if (isWeighted) notes.push('ld_alpha is not 1: log-probabilities are as it weighs them');
  if (isSupervised) notes.push('The reference is the model after sft_steps; what these changed is not in here');
  return notes;
}
