import type { PlanOptions } from '../options/index.js';
import type { TokenPair } from '../tokenizer/pair.js';
import { tokensKey } from '../tokenizer/tokens-key.js';
import type { Pause } from '../work/pace.js';

/** Pairs that have their prompts in common, and what computing each only once can come to. */
export interface CommonPrompts {
  /** With a prompt that others have too. */
  readonly pairs: number;
  /** Different prompts of these. */
  readonly prompts: number;
  /** Tokens of all pairs, each by itself with its prompt once, over those of all different prompts and responses. */
  readonly ratio: number;
  /** Of all different prompts and responses. */
  readonly tokens: number;
  /** Of a prompt, on average over all that differ. */
  readonly promptTokens: number;
}

/** Below this there is little to be gained. */
const LEAST_RATIO = 1.1;

/**
 * Counts exact repetitions; prompts that only begin alike are not seen, and a pair that is there several times for its file's weight
 * is one.
 *
 * @param pause is called every now and then
 */
export async function commonPrompts(pairs: readonly TokenPair[], pause: Pause): Promise<CommonPrompts> {
  const prompts = new Map<number, number>();
  const responses = new Set<number>();
  let apart = 0;
  let together = 0;
  let ofPrompts = 0;
  for (const { chosen, rejected, promptLength } of new Set(pairs)) {
    const prompt = tokensKey(chosen, promptLength);
    const times = prompts.get(prompt) ?? 0;
    if (times === 0) {
      together += promptLength;
      ofPrompts += promptLength;
    }
    prompts.set(prompt, times + 1);
    apart += promptLength;
    for (const tokens of [chosen, rejected]) {
      const length = tokens.length - promptLength;
      const whole = tokensKey(tokens, tokens.length);
      apart += length;
      if (!responses.has(whole)) together += length;
      responses.add(whole);
    }
    await pause();
  }
  const repeated = [...prompts.values()].filter((times) => times > 1);
  return {
    pairs: repeated.reduce((sum, times) => sum + times, 0),
    prompts: repeated.length,
    ratio: together > 0 ? apart / together : 1,
    tokens: together,
    promptTokens: prompts.size > 0 ? ofPrompts / prompts.size : 0,
  };
}

/** What a plan of such pairs could be made with instead, and what to say of that. */
export interface SharingAdvice {
  readonly option: 'sharing' | 'order';
  readonly value: string;
  readonly text: string;
}

/** What a plan says of how far it shares prompts. */
export interface SharingOfPlan extends Pick<PlanOptions, 'sharing' | 'order'> {
  readonly planTokens: number;
  readonly bins: number;
  readonly epochs: number;
}

/** Nothing where all is shared that is asked for, or there is little left to share. */
export function sharingAdvice(
  { pairs, prompts, ratio, tokens, promptTokens }: CommonPrompts,
  { sharing, order, planTokens, bins, epochs }: SharingOfPlan,
  formatCount: (count: number) => string,
): SharingAdvice | undefined {
  if (ratio < LEAST_RATIO || sharing === 'none' || (sharing === 'tree' && order === 'prefix')) return undefined;
  // Few prompts come to every step in any order. In the best one all are computed once, and once more where a bin begins within one.
  if (sharing === 'tree' && planTokens < LEAST_RATIO * (tokens * epochs + promptTokens * bins)) return undefined;
  const found = `${formatCount(pairs)} pairs have ${formatCount(prompts)} prompt${prompts === 1 ? '' : 's'}`;
  const most = `up to ${ratio.toFixed(1)} times fewer tokens than each pair by itself`;
  return sharing === 'tree'
    ? {
        option: 'order',
        value: 'prefix',
        text: `${found}: order "prefix" brings those of one prompt into the same step, where it is computed once, ${most}`,
      }
    : {
        option: 'sharing',
        value: 'tree',
        text: `${found}: sharing "tree" computes a prompt once for all pairs of a step, and with order "prefix" these are in the same step: ${most}`,
      };
}
