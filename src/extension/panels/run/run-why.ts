import { WishboneError } from '../../../core/errors.js';
import { locateRunner } from '../../../core/runner/index.js';
import { runTask } from '../../../core/tasks/index.js';
import type { ChangePart, TokenAnswer, WhyAnswer } from '../../../core/why/index.js';
import { TOKEN_PAIRS } from '../../../core/why/limits.js';
import { plural, sentence } from '../../../format.js';
import type { ShownPart, ShownWhy, WhyAsked } from '../../../protocol/run-why.js';
import type { LiveRun } from '../../runs/live-run.js';
import { mayRead, NOT_READ } from '../../trust.js';

/** Answers why the chosen responses of a run became less likely, the last question alone. */
export class RunWhy {
  #abort = new AbortController();

  /** Ends what is being worked out. */
  cancel(): void {
    this.#abort.abort();
  }

  /** @returns undefined when something else was asked meanwhile, or nobody wants to know any more */
  async answer({ folder }: Pick<LiveRun, 'folder'>, asked: WhyAsked): Promise<ShownWhy | undefined> {
    this.cancel();
    const abort = new AbortController();
    this.#abort = abort;
    // Plans, records and models are binary files of the workspace.
    if (!mayRead(folder)) return { ...NOTHING, asked, problem: `${sentence(NOT_READ)}.` };
    try {
      const runner = asked.tokens ? await locateRunner() : undefined;
      const request = { folder, of: asked.of ?? undefined, tokenPairs: asked.tokens ? TOKEN_PAIRS : 0, runner };
      return shownWhy(await runTask('why', request, { signal: abort.signal }), asked);
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      if (!(error instanceof WishboneError)) throw error;
      return { ...NOTHING, asked, problem: `${sentence(error.what)}: ${error.advice}.` };
    }
  }
}

const NOTHING: Omit<ShownWhy, 'asked' | 'problem'> = {
  of: 'train',
  evaluates: false,
  verdict: 'none',
  summary: '',
  notes: [],
  parts: [],
  tokens: '',
  tokenParts: [],
  patterns: [],
  remedies: [],
};

function shownWhy(answer: WhyAnswer, asked: WhyAsked): ShownWhy {
  const { of, evaluates, verdict, summary, notes, parts, tokens, patterns, remedies } = answer;
  return {
    ...{ asked, problem: '', of, evaluates, verdict, summary: `${summary}.`, notes: notes.map((note) => `${note}.`) },
    parts: parts.map(shownPart),
    tokens: tokens === undefined ? '' : tokensText(tokens),
    tokenParts: tokens?.parts.map(shownPart) ?? [],
    patterns: patterns.map(({ what, known, source }) => ({ what: `${what}.`, known: `${known}.`, source })),
    remedies: remedies.map(({ name, label, why, source, changes, problem }) => ({
      ...{ name, label, why: `${sentence(why)}.`, source, problem },
      changes: changes.map(({ option, before, after }) => ({ option, before: JSON.stringify(before), after: JSON.stringify(after) })),
    })),
  };
}

function shownPart({ title, of, groups }: ChangePart): ShownPart {
  return {
    title,
    of,
    groups: groups.map(({ label, chosen: { n, mean, interval }, perToken, rejected, part }) => ({
      ...{ label, n, mean, perToken, part },
      low: interval?.[0] ?? null,
      high: interval?.[1] ?? null,
      rejected: rejected?.mean ?? null,
    })),
  };
}

function tokensText({ pairs, tokens, chosen, rejected }: TokenAnswer): string {
  const each = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
  return `The ${plural(tokens, 'token')} of the chosen responses of ${plural(pairs, 'pair')}, by the model before training and the trained one: chosen ${each(chosen)} nats a pair, rejected ${each(rejected)}.`;
}
