import path from 'node:path';
import { WishboneError } from '../../../core/errors.js';
import { costOf, type JudgeHead, type JudgeReport, judgeText, type ReportedPrompt, verdictText } from '../../../core/judge/index.js';
import { runTask } from '../../../core/tasks/index.js';
import { formatCount, formatPercent, plural, sentence } from '../../../format.js';
import type { JudgedAsked, ShownComparison, ShownFigure, ShownJudged, ShownRate, ShownVerdict } from '../../../protocol/run-judged.js';
import { costText, judgePrices } from '../../judge/prices.js';
import type { LiveRun } from '../../runs/live-run.js';

/** Prompts that a page is given, and characters of a text. */
const MOST_PROMPTS = 300;
const LONGEST_TEXT = 20_000;

/** What was judged of a run's completions, one comparison in full. */
export async function judgedOf({ folder }: Pick<LiveRun, 'folder'>, asked: JudgedAsked): Promise<ShownJudged> {
  try {
    const { heads, report } = await runTask('judgement', { folder, id: asked.id ?? undefined });
    const comparisons = heads.map((head) => ({ id: head.id, label: labelOf(head) }));
    return { asked, problem: '', comparisons, shown: report === undefined ? null : shownComparison(report) };
  } catch (error) {
    if (!(error instanceof WishboneError)) throw error;
    return { asked, problem: `${sentence(error.what)}: ${error.advice}.`, comparisons: [], shown: null };
  }
}

const labelOf = ({ second, judge, created }: JudgeHead): string =>
  `Beside ${second.label}, by ${judgeText(judge)}, ${created.slice(0, 10)}`;

function shownComparison(report: JudgeReport): ShownComparison {
  const { head, verdicts } = report;
  const { prompts, created, judge } = head;
  const source = `${plural(report.prompts, 'prompt')} of ${path.basename(prompts.path)}${prompts.from === 'evaluation' ? ', which the run evaluates' : ''}`;
  return {
    ...{ id: head.id, first: head.first.label, second: head.second.label, verdict: `${verdictText(report)}.` },
    note: `${head.first.label} beside ${head.second.label}. Judge: ${judgeText(judge)}. ${source}. ${created.slice(0, 16).replace('T', ' ')} UTC.`,
    rates: ratesOf(report),
    figures: figuresOf(report),
    verdicts: verdicts.slice(0, MOST_PROMPTS).map((each) => shownVerdict(each, head)),
    more: Math.max(0, verdicts.length - MOST_PROMPTS),
  };
}

function ratesOf({ winRate, lengthControlled: controlled, head }: JudgeReport): ShownRate[] {
  const rate = (label: string, help: string, of: { readonly rate: number; readonly interval: readonly [number, number] } | undefined) =>
    of === undefined ? [] : [{ label, help, rate: of.rate, low: of.interval[0], high: of.interval[1] }];
  return [
    ...rate('Win rate', `How often the text of ${head.first.label} is better; a tie is half a win. 95 % interval over prompts`, winRate),
    ...rate('Length-controlled', 'The win rate, were both sides’ texts equally long (AlpacaEval 2’s model, arXiv 2404.04475)', controlled),
  ];
}

function figuresOf(report: JudgeReport): ShownFigure[] {
  const { counted, prompts, wins, losses, ties, unread, open, agreement, lengths, usage } = report;
  const figures: ShownFigure[] = [
    { label: 'Won, lost, tied', help: 'Prompts, over both orders', value: [wins, losses, ties].map(formatCount).join(', ') },
    {
      label: 'Prompts that count',
      help: 'Judged in both orders, by words that can be read',
      value: `${formatCount(counted)} of ${formatCount(prompts)}`,
    },
  ];
  if (unread > 0) {
    const help = 'Prompts whose last line is no verdict, or was cut off; they do not count';
    figures.push({ label: 'Unreadable', help, value: formatCount(unread) });
  }
  if (open > 0) figures.push({ label: 'Not judged', help: 'Judge again to go on where it ended', value: formatCount(open) });
  if (agreement !== undefined) {
    const { n, same, decided, shownFirst } = agreement;
    figures.push({
      label: 'Both orders agree',
      help: 'Prompts of which both orders said the same',
      value: `${formatCount(same)} of ${formatCount(n)}`,
    });
    if (decided > 0) {
      const help = 'Of all verdicts for one of two, those for the text shown first: half, if the place says nothing';
      figures.push({ label: 'Shown first won', help, value: formatPercent(shownFirst / decided) });
    }
  }
  figures.push({
    label: 'Mean characters',
    help: 'Of the first side’s texts, and of the second’s',
    value: lengths.map((each) => formatCount(Math.round(each))).join(', '),
  });
  if (usage.requests > 0) {
    const cost = costOf(usage, judgePrices());
    const priced = cost > 0 ? `; ${costText(cost)} at the prices of the settings` : '';
    const value = `${plural(usage.requests, 'request')}, ${formatCount(usage.input)} tokens in, ${formatCount(usage.output)} out${priced}`;
    figures.push({ label: 'Asked for', help: 'As the endpoint counts tokens', value });
  }
  return figures;
}

function shownVerdict({ outcome, prompt, texts, verdicts }: ReportedPrompt, { first, second, judge }: JudgeHead): ShownVerdict {
  const named = { first: `${first.label} is better`, second: `${second.label} is better`, tie: 'a tie' };
  const shown = {
    first: `${first.label} shown first`,
    second: `${second.label} shown first`,
    none: judge.kind === 'rule' ? 'The rule' : 'Nobody was asked',
  };
  return {
    ...{ outcome, prompt: bounded(prompt), first: bounded(texts[0]), second: bounded(texts[1]) },
    said: verdicts.map(({ order, winner, words, cut }) => ({
      title: `${shown[order]}: ${winner === null ? `unreadable${cut === undefined ? '' : `, cut off after ${formatCount(cut)} tokens`}` : named[winner]}`,
      words: bounded(words),
    })),
  };
}

const bounded = (text: string): string => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text);
