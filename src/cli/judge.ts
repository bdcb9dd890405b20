import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import {
  type Against,
  costOf,
  type Judge,
  JUDGE_DEFAULTS,
  type JudgePlan,
  type JudgeReport,
  type JudgeRequest,
  judgeText,
  type ReportedPrompt,
  type RuleJudge,
  RULE_NAMES,
  type Usage,
  verdictText,
} from '../core/judge/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { ask, runTask, taskProcess } from '../core/tasks/index.js';
import type { Progress } from '../core/work/progress.js';
import { askYes, canAsk } from './ask.js';
import { findRun, isModelFolder, RUN_HELP } from './find-run.js';
import { datasetsFromHub } from './hub.js';
import { cancellable } from './interrupt.js';
import { addOptions, between, count, readInput } from './options.js';
import { columns, grouped, progressText, StatusLine } from './terminal.js';

const KEY_VARIABLE = 'WISHBONE_JUDGE_KEY';

interface Options extends Record<string, unknown> {
  readonly runs: string;
  readonly against: string;
  readonly dataset?: string;
  readonly count: number;
  readonly judgeUrl?: string;
  readonly judgeModel?: string;
  readonly judgeTokens: number;
  readonly keyEnv: string;
  readonly timeout: number;
  readonly atOnce: number;
  readonly rule?: RuleJudge;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly priceIn?: number;
  readonly priceOut?: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly show?: boolean;
  readonly verdicts?: boolean;
  readonly json?: boolean;
}

export function addJudgeCommand(program: Command): void {
  const price = between(0, 1e6);
  const { sampling } = JUDGE_DEFAULTS;
  const command = program
    .command('judge')
    .summary("win rate of a run's completions, judged by a model or a rule")
    .description(
      'Has the trained model of a run and another side complete held-out prompts, and both texts judged: by a model behind any ' +
        'OpenAI-compatible address, in both orders, or by a rule. What was completed and judged is kept with the run, and never asked for again.',
    )
    .argument('<run>', RUN_HELP)
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option(
      '--against <side>',
      'the other side: reference, chosen or rejected (the responses of the dataset), another run, or a model folder',
      'reference',
    )
    .option('--dataset <file>', 'preference file with the prompts, or dataset on the hub (default: the pairs that the run evaluates)')
    .option('--count <number>', 'how many different prompts', count, JUDGE_DEFAULTS.count)
    .option('--judge-url <url>', 'address of the judge, for example https://api.openai.com/v1')
    .option('--judge-model <name>', "the judge's name there")
    .option('--judge-tokens <number>', "maximum tokens in one of the judge's answers", count, JUDGE_DEFAULTS.maxTokens)
    .option('--key-env <variable>', 'environment variable with the API key of the judge', KEY_VARIABLE)
    .option('--timeout <seconds>', 'longest wait for an answer of the judge', between(1, 3600), JUDGE_DEFAULTS.ask.timeout)
    .option('--at-once <number>', 'requests at the same time', between(1, 64), JUDGE_DEFAULTS.ask.atOnce)
    .option('--rule <rule>', 'judge by a rule instead: regex:PATTERN, exact (the chosen response), shorter, longer', parseRule)
    .option('--max-new-tokens <number>', 'maximum tokens in a completion', count, sampling.max_new_tokens)
    .option('--temperature <number>', '0: always the most likely token', between(0, 1000), sampling.temperature)
    .option('--top-p <number>', 'sample from the most likely tokens that together have this probability', between(1e-9, 1), sampling.top_p)
    .option('--seed <number>', 'the same seed gives the same completions', between(0, 2 ** 31 - 1), sampling.seed)
    .option('--price-in <price>', 'what a million tokens of input cost, in any currency', price)
    .option('--price-out <price>', 'what a million tokens of output cost', price)
    .option('--dry-run', 'only print what it would take')
    .option('-y, --yes', 'do not ask before an endpoint is asked that may cost something')
    .option('--show', 'only print what was judged of the run so far')
    .option('--verdicts', 'print every prompt with both completions and the words of the judge')
    .option('--json', 'print one JSON object');
  addOptions(command, 'runner', ['backend', 'threads', 'deterministic', 'device', 'cublaslt'], true);
  command.action(judgeCommand);
}

function parseRule(text: string): RuleJudge {
  const colon = text.indexOf(':');
  const [name, pattern] = colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
  const rule = RULE_NAMES.find((each) => each === name);
  const takesPattern = rule === 'regex';
  if (rule === undefined || takesPattern !== (pattern !== undefined))
    throw new InvalidArgumentError('give regex:PATTERN, exact, shorter or longer');
  return { kind: 'rule', rule, ...(pattern === undefined ? {} : { pattern }) };
}

async function judgeCommand(named: string, options: Options): Promise<void> {
  const folder = await findRun(named, options.runs);
  if (options.show === true) return show(folder, options);
  const status = new StatusLine();
  const request = await requestOf(folder, options, status);
  const judging = taskProcess('judge');
  try {
    const plan = await cancellable((signal) => ask(judging, 'planJudging', request, { signal }));
    if (options.dryRun === true) {
      console.log(options.json === true ? JSON.stringify({ run: folder, plan }) : planText(plan, options));
      return;
    }
    if (options.json !== true) status.note(planText(plan, options));
    await cancellable((signal) => confirm(plan, options, signal));
    const onProgress = (progress: Progress): void => status.show(progressText(progress));
    const report = await cancellable((signal) => ask(judging, 'judge', request, { signal, onProgress }).finally(() => status.clear()));
    console.log(options.json === true ? JSON.stringify({ run: folder, ...report }) : reportText(report, options));
  } finally {
    judging.close();
  }
}

async function show(folder: string, options: Options): Promise<void> {
  const reports = await cancellable((signal) => runTask('judgements', folder, { signal }));
  if (options.json === true) console.log(JSON.stringify({ run: folder, comparisons: reports }));
  else if (reports.length === 0) console.log('nothing of this run was judged yet');
  else console.log(reports.map((report) => reportText(report, options)).join('\n\n'));
}

async function requestOf(folder: string, options: Options, status: StatusLine): Promise<JudgeRequest> {
  const { runner } = await readInput([], options);
  const [dataset] = options.dataset === undefined ? [] : await datasetsFromHub([options.dataset], status);
  const key = process.env[options.keyEnv]?.trim();
  return {
    folder,
    against: await againstOf(options.against, options.runs),
    dataset: dataset === undefined ? undefined : path.resolve(dataset),
    count: options.count,
    sampling: { max_new_tokens: options.maxNewTokens, temperature: options.temperature, top_p: options.topP, seed: options.seed },
    judge: judgeOf(options),
    ask: { timeout: options.timeout, atOnce: Math.floor(options.atOnce), ...(key === undefined || key === '' ? {} : { key }) },
    runner,
  };
}

function judgeOf({ judgeUrl, judgeModel, judgeTokens, rule }: Options): Judge {
  const wrong = (what: string, advice: string): WishboneError => new WishboneError(what, 'the command line', advice, ExitCode.usage);
  if (rule !== undefined) {
    if (judgeUrl === undefined && judgeModel === undefined) return rule;
    throw wrong('both a rule and an endpoint are to judge', 'leave out --rule, or --judge-url and --judge-model');
  }
  if (judgeUrl !== undefined && judgeModel !== undefined)
    return { kind: 'endpoint', url: judgeUrl, model: judgeModel, max_tokens: judgeTokens };
  throw wrong('nothing is to judge', 'add --judge-url with an address and --judge-model with a name, or --rule');
}

async function againstOf(named: string, runs: string): Promise<Against> {
  if (named === 'reference' || named === 'chosen' || named === 'rejected') return named;
  const isFolder = await stat(named).then(
    (info) => info.isDirectory(),
    () => false,
  );
  return { folder: isFolder && (await isModelFolder(named)) ? path.resolve(named) : await findRun(named, runs) };
}

/** @throws WishboneError when somebody has to agree and nobody can be asked, or does not */
async function confirm({ isPaid, usage }: JudgePlan, options: Options, signal: AbortSignal): Promise<void> {
  const mayCost = isPaid || options.priceIn !== undefined || options.priceOut !== undefined;
  if (!mayCost || usage.requests === 0 || options.yes === true) return;
  const stopped = (what: string): WishboneError => {
    const advice = 'add --yes to ask the judge, or --dry-run to see what it takes';
    return new WishboneError(what, `${grouped(usage.requests)} requests`, advice, ExitCode.usage);
  };
  if (!canAsk()) throw stopped('asking the judge may cost something, and nobody can be asked here');
  if (!(await askYes(`Send ${grouped(usage.requests)} requests?`, signal))) throw stopped('nothing was asked');
}

function planText(plan: JudgePlan, options: Options): string {
  const { head, prompts, completions, usage, tooLong, isTrainedOn } = plan;
  const rows: [string, string][] = [
    ['sides', `${head.first.label} beside ${head.second.label}`],
    ['prompts', `${grouped(prompts)} of ${head.prompts.path}`],
    ['judge', judgeText(head.judge)],
    ['completions', completions === 0 ? 'all there' : `${grouped(completions)} to be made`],
  ];
  if (head.judge.kind === 'endpoint')
    rows.push(['requests', `${atMost(completions)}${grouped(usage.requests)}`], ['tokens', tokensText(usage)]);
  if (head.judge.kind === 'endpoint') rows.push(...priced('cost', usage, options, 'at most '));
  if (tooLong > 0) rows.push(['left out', `${grouped(tooLong)} prompts that are too long with a completion`]);
  if (isTrainedOn) rows.push(['note', 'the run was trained on these prompts']);
  return columns(rows);
}

const atMost = (completions: number): string => (completions > 0 ? 'at most ' : '');
const tokensText = ({ input, output }: Usage): string => `about ${grouped(input)} in, at most ${grouped(output)} out`;

function priced(name: string, usage: Usage, { priceIn, priceOut }: Options, before = ''): [string, string][] {
  if (priceIn === undefined && priceOut === undefined) return [];
  const cost = costOf(usage, { input: priceIn ?? 0, output: priceOut ?? 0 });
  return [[name, `${before}${cost.toFixed(cost < 1 ? 4 : 2)}`]];
}

function reportText(report: JudgeReport, options: Options): string {
  const {
    head,
    counted,
    prompts,
    wins,
    losses,
    ties,
    unread,
    open,
    winRate,
    lengthControlled: controlled,
    agreement,
    lengths,
    usage,
  } = report;
  const rows: [string, string][] = [
    ['judge', judgeText(head.judge)],
    ['prompts', `${grouped(counted)} of ${grouped(prompts)} count`],
    ['wins', `${grouped(wins)} won, ${grouped(losses)} lost, ${grouped(ties)} tied`],
  ];
  if (unread > 0) rows.push(['unreadable', `${grouped(unread)} prompts whose verdict cannot be read`]);
  if (open > 0) rows.push(['not judged', `${grouped(open)} prompts`]);
  if (winRate !== undefined) rows.push(['win rate', rateText(winRate)]);
  if (controlled !== undefined) rows.push(['length-controlled', rateText(controlled)]);
  if (agreement !== undefined) {
    const { n, same, decided, shownFirst } = agreement;
    rows.push(['both orders', `said the same of ${grouped(same)} of ${grouped(n)}`]);
    if (decided > 0)
      rows.push(['shown first', `won ${percent(shownFirst / decided)} of ${grouped(decided)} (50.0% if the place says nothing)`]);
  }
  rows.push(['characters', `${grouped(Math.round(lengths[0]))} against ${grouped(Math.round(lengths[1]))} on average`]);
  if (usage.requests > 0) {
    rows.push(['asked', `${grouped(usage.requests)} requests, ${grouped(usage.input)} tokens in, ${grouped(usage.output)} out`]);
    rows.push(...priced('cost', usage, options));
  }
  rows.push(['kept in', report.file]);
  const blocks = [`${head.first.label} beside ${head.second.label}\n${verdictText(report)}`, columns(rows)];
  if (options.verdicts === true) blocks.push(...report.verdicts.map((each) => promptText(each, head.first.label, head.second.label)));
  return blocks.join('\n\n');
}

function rateText({ rate, interval: [low, high] }: { readonly rate: number; readonly interval: readonly [number, number] }): string {
  return `${percent(rate)} (95%: ${percent(low)} to ${percent(high)})`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

const OUTCOMES: Readonly<Record<ReportedPrompt['outcome'], string>> = {
  win: 'won',
  loss: 'lost',
  tie: 'tied',
  unread: 'unreadable',
  open: 'not judged',
};

function promptText({ outcome, prompt, texts, verdicts }: ReportedPrompt, first: string, second: string): string {
  const of = (winner: 'first' | 'second' | 'tie' | null): string =>
    winner === null ? 'unreadable' : winner === 'tie' ? 'tie' : winner === 'first' ? first : second;
  const shown = { first: `${first} shown first`, second: `${second} shown first`, none: 'verdict' };
  const parts: [string, string][] = [
    ['prompt', prompt],
    [first, texts[0]],
    [second, texts[1]],
    ...verdicts.map(({ order, winner, words }): [string, string] => [`${shown[order]}: ${of(winner)}`, words]),
  ];
  return [`--- ${OUTCOMES[outcome]}`, ...parts.map(([title, text]) => `${title}\n${indented(text)}`)].join('\n');
}

const indented = (text: string): string =>
  text
    .trim()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
