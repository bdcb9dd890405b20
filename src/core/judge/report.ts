import { lengthControlled, type LengthControlled, pairedBootstrap, unanimousInterval } from '../statistics/index.js';
import { type JudgeHead, type JudgeRecord, type KeptJudge, lineKey, type Order, type Usage, type Verdict } from './record.js';
import { lengthOf, type Winner } from './rules.js';

/** A prompt with what became of it. */
export interface ReportedPrompt {
  readonly key: string;
  readonly prompt: string;
  readonly texts: readonly [first: string, second: string];
  /**
   * For the first side: over both orders, where there are two. `unread`: what the judge said in one of them cannot be read; `open`: it
   * was not judged in both.
   */
  readonly outcome: 'win' | 'loss' | 'tie' | 'unread' | 'open';
  /** The first side's part of a win, 0 to 1, where both orders can be read. */
  readonly score: number | undefined;
  readonly verdicts: readonly (Verdict & { readonly order: Order })[];
}

/** Shares are of 1. */
export interface JudgeReport {
  readonly file: string;
  readonly head: JudgeHead;
  /** Prompts that both sides completed. */
  readonly prompts: number;
  /** Those that count: judged in both orders, by words that can be read. */
  readonly counted: number;
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** Prompts with words of the judge that cannot be read; they do not count. */
  readonly unread: number;
  /** Prompts that were not judged, or in one order only. */
  readonly open: number;
  /** Ties are half a win. Undefined where nothing counts. */
  readonly winRate: WinRate | undefined;
  readonly lengthControlled: LengthControlled | undefined;
  /** Undefined where nothing was judged in two orders. */
  readonly agreement: Agreement | undefined;
  /** Mean characters of each side's texts. */
  readonly lengths: readonly [first: number, second: number];
  /** What the endpoint was asked for so far. */
  readonly usage: Usage;
  readonly verdicts: readonly ReportedPrompt[];
}

export interface WinRate {
  readonly rate: number;
  readonly interval: readonly [low: number, high: number];
  /** The interval leaves one half out, and is of enough prompts to be trusted. */
  readonly isShown: boolean;
  /** So many prompts would show a difference of this size in four of five tries. */
  readonly promptsToShow: number | undefined;
}

/** How much the order in which texts are shown decides. */
export interface Agreement {
  /** Prompts judged in two orders. */
  readonly n: number;
  /** Those where both orders said the same. */
  readonly same: number;
  /** Verdicts that chose one of two texts, and those of them that chose the one shown first: half, if the place says nothing. */
  readonly decided: number;
  readonly shownFirst: number;
}

/** What a record comes to, over all prompts in it. */
export function reportOf(record: JudgeRecord): JudgeReport {
  const verdicts = [...record.prompts].flatMap(([key, { text }]): ReportedPrompt[] => {
    const [first, second] = [record.completions.get(lineKey('first', key)), record.completions.get(lineKey('second', key))];
    if (first === undefined || second === undefined) return [];
    return [{ key, prompt: text, texts: [first.text, second.text], ...outcomeOf(record, key) }];
  });
  const counted = verdicts.filter((each): each is ReportedPrompt & { score: number } => each.score !== undefined);
  const of = (outcome: ReportedPrompt['outcome']): number => verdicts.filter((each) => each.outcome === outcome).length;
  const scores = counted.map(({ score }) => score);
  const lengths = verdicts.map(({ texts }) => texts.map(lengthOf) as [number, number]);
  const mean = (side: 0 | 1): number => lengths.reduce((sum, pair) => sum + pair[side], 0) / Math.max(1, lengths.length);
  return {
    file: record.file,
    head: record.head,
    prompts: verdicts.length,
    counted: counted.length,
    wins: of('win'),
    losses: of('loss'),
    ties: of('tie'),
    unread: of('unread'),
    open: of('open'),
    winRate: counted.length === 0 ? undefined : winRate(scores),
    lengthControlled:
      counted.length === 0
        ? undefined
        : lengthControlled(
            scores,
            counted.map(({ texts: [first, second] }) => lengthOf(first) - lengthOf(second)),
          ),
    agreement: agreementOf(verdicts),
    lengths: [mean(0), mean(1)],
    usage: record.paid,
    verdicts,
  };
}

const SCORES: Readonly<Record<Winner, number>> = { first: 1, second: 0, tie: 0.5 };

function outcomeOf({ verdicts }: JudgeRecord, key: string): Pick<ReportedPrompt, 'outcome' | 'score' | 'verdicts'> {
  const found = (['none', 'first', 'second'] as const).flatMap((order) => {
    const verdict = verdicts.get(lineKey(order, key));
    return verdict === undefined ? [] : [{ order, ...verdict }];
  });
  const alone = found.find(({ order }) => order === 'none');
  const counting = alone === undefined ? found : [alone];
  const winners = counting.map(({ winner }) => winner);
  if (winners.includes(null)) return { outcome: 'unread', score: undefined, verdicts: counting };
  if (alone === undefined && counting.length < 2) return { outcome: 'open', score: undefined, verdicts: counting };
  const score = winners.reduce((sum, winner) => sum + SCORES[winner!], 0) / winners.length;
  return { outcome: score > 0.5 ? 'win' : score < 0.5 ? 'loss' : 'tie', score, verdicts: counting };
}

function winRate(scores: readonly number[]): WinRate {
  const { difference } = pairedBootstrap({ difference: Float64Array.from(scores, (score) => score - 0.5) });
  const within = (value: number): number => Math.min(1, Math.max(0, value + 0.5));
  return {
    rate: scores.reduce((sum, score) => sum + score, 0) / scores.length,
    interval: unanimousInterval(scores) ?? [within(difference.interval[0]), within(difference.interval[1])],
    isShown: difference.isShown,
    promptsToShow: difference.pairsToShow,
  };
}

function agreementOf(verdicts: readonly ReportedPrompt[]): Agreement | undefined {
  let [n, same, decided, shownFirst] = [0, 0, 0, 0];
  for (const { verdicts: own } of verdicts) {
    const first = own.find(({ order }) => order === 'first')?.winner ?? null;
    const second = own.find(({ order }) => order === 'second')?.winner ?? null;
    if (first === null || second === null) continue;
    n++;
    if (first === second) same++;
    for (const [winner, shown] of [
      [first, 'first'],
      [second, 'second'],
    ] as const) {
      if (winner === 'tie') continue;
      decided++;
      if (winner === shown) shownFirst++;
    }
  }
  return n === 0 ? undefined : { n, same, decided, shownFirst };
}

/** What judged, in a few words. */
export function judgeText(judge: KeptJudge): string {
  if (judge.kind === 'endpoint') return `${judge.model} at ${URL.canParse(judge.url) ? new URL(judge.url).host : judge.url}`;
  const texts = {
    regex: `the rule: matches ${judge.pattern ?? ''}`,
    exact: 'the rule: is the chosen response',
    shorter: 'the rule: the shorter text',
    longer: 'the rule: the longer text',
  };
  return texts[judge.rule];
}

/** What a rate says, in words. */
export function verdictText({ head, counted, winRate: found }: Pick<JudgeReport, 'head' | 'counted' | 'winRate'>): string {
  const { first, second } = head;
  if (found === undefined) return 'Nothing was judged yet';
  const { isShown, rate, promptsToShow } = found;
  if (isShown) return rate > 0.5 ? `${first.label} is better than ${second.label}` : `${second.label} is better than ${first.label}`;
  const more =
    promptsToShow === undefined || promptsToShow <= counted
      ? ''
      : `; about ${promptsToShow.toLocaleString('en-US')} prompts would show one as large`;
  return `No difference is shown at this size${more}`;
}
