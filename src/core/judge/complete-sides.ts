import { type Completion, isBelow, type Sampler, type SamplerWork } from '../sample/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { Known } from './known.js';
import type { JudgedPrompt } from './prompts.js';
import { type JudgeHead, lineKey, type RecordWriter, type SideName, SIDES } from './record.js';
import type { JudgeRequest } from './request.js';
import type { Side } from './sides.js';

/** Two sides, the prompts that both are given, and what is there of their texts. */
export interface Comparison {
  readonly head: JudgeHead;
  readonly sampler: Sampler;
  readonly prompts: readonly JudgedPrompt[];
  readonly sides: Readonly<Record<SideName, Side>>;
  readonly known: Known;
}

/**
 * Writes the texts of both sides that a record lacks: what is known, else what their models complete. An adapter and the model below it complete
 * what both lack in one process, which has the weights once.
 *
 * @throws WishboneError with what the runner says, and when the record cannot be written; the signal's reason
 */
export async function completeSides(
  { sampling, runner, program }: JudgeRequest,
  { head, sampler, prompts, sides, known }: Comparison,
  writer: RecordWriter,
  { signal, onProgress }: WorkOptions,
): Promise<void> {
  const total = prompts.length * SIDES.filter((side) => sides[side].model !== undefined).length;
  let done = 0;
  const tell = (): void => onProgress?.({ phase: 'completions', done, total });
  tell();
  const missing: Record<SideName, JudgedPrompt[]> = { first: [], second: [] };
  for (const side of SIDES) {
    const { model, response } = sides[side];
    for (const prompt of prompts) {
      const { key } = prompt;
      const isThere = writer.record.completions.has(lineKey(side, key));
      const text = response === undefined ? undefined : prompt[response];
      const completion: Completion | undefined =
        text === undefined
          ? known.completion({ head, side, prompt: key })
          : { text, tokens: sampler.tokenizer.encode(text, false).length, ended: true };
      if (!isThere && completion === undefined) missing[side].push(prompt);
      else if (model !== undefined) done++;
      if (!isThere && completion !== undefined) await writer.completion(side, key, completion);
    }
  }
  tell();

  /** Has prompts completed. Completions are written one after the other, in the order in which they come. */
  const keep = async (
    asked: readonly JudgedPrompt[],
    sideOf: (isBelow: boolean) => SideName,
    complete: (work: SamplerWork) => Promise<unknown>,
  ): Promise<void> => {
    let written = Promise.resolve();
    let failure: unknown;
    const onCompletion = (at: number, completion: Completion, isOfBelow: boolean): void => {
      written = written
        .then(() => writer.completion(sideOf(isOfBelow), asked[at]!.key, completion))
        .then(() => {
          done++;
          tell();
        })
        .catch((error: unknown) => {
          failure ??= error;
        });
    };
    try {
      await complete({ signal, onCompletion });
    } finally {
      await written;
    }
    if (failure !== undefined) throw failure as Error;
  };

  const shared = sharing(sides);
  if (shared !== undefined) {
    const { above, below } = shared;
    const lacked = new Set(missing[below]);
    const both = missing[above].filter((prompt) => lacked.has(prompt));
    const model = sides[above].model!;
    if (both.length > 0)
      await keep(
        both,
        (isOfBelow) => (isOfBelow ? below : above),
        (work) => sampler.completeBoth(model, both, sampling, runner, work, program),
      );
    const completed = new Set(both);
    for (const side of SIDES) missing[side] = missing[side].filter((prompt) => !completed.has(prompt));
  }
  for (const side of SIDES) {
    const { model } = sides[side];
    const asked = missing[side];
    if (model === undefined || asked.length === 0) continue;
    await keep(
      asked,
      () => side,
      (work) => sampler.complete(model, asked, sampling, runner, work, program),
    );
  }
}

/** Which side has an adapter on the other one's model, if one has. */
function sharing(sides: Comparison['sides']): { readonly above: SideName; readonly below: SideName } | undefined {
  const { model: first } = sides.first;
  const { model: second } = sides.second;
  if (first === undefined || second === undefined) return undefined;
  if (isBelow(second, first)) return { above: 'first', below: 'second' };
  return isBelow(first, second) ? { above: 'second', below: 'first' } : undefined;
}
