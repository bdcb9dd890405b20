import { createHash } from 'node:crypto';
import type { Completion } from '../sample/index.js';
import { completionKey, type JudgeHead, judgeKey, type JudgeRecord, lineKey, type SideName, type Verdict } from './record.js';

/** What a run's comparisons have already: nothing of it is computed or paid for again. */
export class Known {
  readonly #completions = new Map<string, Completion>();
  readonly #verdicts = new Map<string, Verdict>();

  /** @param judge of the comparison to come, by {@link judgeKey} */
  constructor(
    records: readonly JudgeRecord[],
    readonly judge: string,
  ) {
    for (const record of records) {
      const { head, prompts, completions, verdicts } = record;
      for (const side of ['first', 'second'] as const) {
        const by = completionKey(head[side].key, head.sampling);
        for (const prompt of prompts.keys()) {
          const completion = completions.get(lineKey(side, prompt));
          if (completion !== undefined) this.#completions.set(`${by} ${prompt}`, completion);
        }
      }
      if (judgeKey(head.judge) !== judge) continue;
      for (const [prompt, { text }] of prompts) {
        const texts = (['first', 'second'] as const).map((side) => completions.get(lineKey(side, prompt))?.text);
        for (const order of ['first', 'second'] as const) {
          const verdict = verdicts.get(lineKey(order, prompt));
          if (verdict === undefined || texts[0] === undefined || texts[1] === undefined) continue;
          this.#verdicts.set(contentKey(order, text, texts[0], texts[1]), verdict);
        }
      }
    }
  }

  completion({
    head,
    side,
    prompt,
  }: {
    readonly head: JudgeHead;
    readonly side: SideName;
    readonly prompt: string;
  }): Completion | undefined {
    return this.#completions.get(`${completionKey(head[side].key, head.sampling)} ${prompt}`);
  }

  /** What the judge said of the very same texts, in the same order. */
  verdict(order: SideName, prompt: string, first: string, second: string): Verdict | undefined {
    return this.#verdicts.get(contentKey(order, prompt, first, second));
  }
}

const contentKey = (...texts: readonly string[]): string => createHash('sha256').update(JSON.stringify(texts)).digest('base64');
