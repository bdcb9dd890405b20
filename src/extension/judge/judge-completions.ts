import type * as vscode from 'vscode';

import { costOf, JUDGE_DEFAULTS, type JudgePlan, type JudgeRequest, judgeText } from '../../core/judge/index.js';
import type { RunListing } from '../../core/run/index.js';
import { locateRunner } from '../../core/runner/index.js';
import { ask, taskProcess } from '../../core/tasks/index.js';
import type { Progress } from '../../core/work/progress.js';
import { formatCount, plural } from '../../format.js';
import { longWork } from '../long-work.js';
import { showInformation, showWarning } from '../messages.js';
import { network } from '../network.js';
import type { RunPanels } from '../panels/run/run-panels.js';
import type { PathChooser } from '../paths/path-chooser.js';
import { ensureTrusted } from '../trust.js';
import { chooseCount, chooseJudge, chooseSide } from './choose-judge.js';
import { JudgeKeys } from './judge-keys.js';
import { costText, judgePrices } from './prices.js';

type Listing = Exclude<RunListing, { problem: Error }>;

const GO = 'Judge';

/** Has completions of a run judged beside others, after saying what that takes. */
export class JudgeCompletions {
  readonly #keys: JudgeKeys;

  constructor(
    readonly paths: PathChooser,
    readonly panels: RunPanels,
    secrets: vscode.SecretStorage,
  ) {
    this.#keys = new JudgeKeys(secrets);
  }

  forget(): Promise<void> {
    return this.#keys.forget();
  }

  /** @param others finished runs that it can be judged beside */
  async start(run: Listing, others: readonly Listing[]): Promise<void> {
    if (!(await ensureTrusted())) return;
    const request = await this.#ask(run, others);
    if (request === undefined) return;
    const judging = taskProcess('judge');
    let isWhole = false;
    try {
      const plan = await longWork('Looking at what judging takes', say, (work) => ask(judging, 'planJudging', request, work));
      if (plan === undefined || !(await mayBegin(plan))) return;
      const title = `Judging ${plan.head.first.label} beside ${plan.head.second.label}`;
      try {
        isWhole = (await longWork(title, say, (work) => ask(judging, 'judge', request, work))) !== undefined;
      } finally {
        // Also what is there after an error, or when somebody has had enough.
        await this.panels.showJudged(run.folder, plan.head.id);
      }
    } finally {
      judging.close();
    }
    if (!isWhole) void showInformation('Judging was stopped. What is there is kept, and is not asked for again.');
  }

  async #ask(run: Listing, others: readonly Listing[]): Promise<JudgeRequest | undefined> {
    const against = await chooseSide(run, others);
    const judge = against === undefined ? undefined : await chooseJudge();
    const count = judge === undefined ? undefined : await chooseCount();
    if (against === undefined || judge === undefined || count === undefined) return undefined;
    const needsFile = run.config.eval_dataset === undefined;
    const dataset = needsFile ? await this.paths.chooseFile('Prompts That It Was Not Trained On') : undefined;
    if (needsFile && dataset === undefined) return undefined;
    const key = judge.kind === 'endpoint' ? await this.#keys.key(judge.url) : '';
    if (key === undefined) return undefined;
    return {
      ...{ folder: run.folder, against, dataset, count, judge, sampling: JUDGE_DEFAULTS.sampling },
      ask: { ...JUDGE_DEFAULTS.ask, network: network(), ...(key === '' ? {} : { key }) },
      runner: { ...run.config.runner, devices: 1 },
      program: await locateRunner(),
    };
  }
}

/** What it takes, before an endpoint is asked for anything. */
async function mayBegin({ head, prompts, completions, usage, tooLong, isTrainedOn }: JudgePlan): Promise<boolean> {
  if (head.judge.kind === 'rule' || usage.requests === 0) return true;
  const cost = costOf(usage, judgePrices());
  const lines = [
    `${head.first.label} beside ${head.second.label}, on ${plural(prompts, 'prompt')} in both orders.`,
    completions === 0 ? 'All completions are there.' : `${plural(completions, 'completion')} will be made on this machine first.`,
    `${completions === 0 ? '' : 'At most '}${plural(usage.requests, 'request')}: about ${formatCount(usage.input)} tokens in, at most ${formatCount(usage.output)} out.`,
    cost > 0
      ? `At most ${costText(cost)}, at the prices of the settings.`
      : 'Prices in the settings (wishbone.judge) would say what that costs.',
    ...(tooLong > 0 ? [`${plural(tooLong, 'prompt')} left out: too long with a completion.`] : []),
    ...(isTrainedOn ? ['The run was trained on these prompts.'] : []),
  ];
  const detail = lines.join('\n');
  return (await showWarning(`Have ${judgeText(head.judge)} judge?`, { modal: true, detail }, GO)) === GO;
}

const PHASES: Readonly<Record<string, string>> = { completions: 'completing prompts', verdicts: 'judging' };

function say({ phase, done, total }: Progress): string {
  return `${PHASES[phase] ?? phase}, ${formatCount(done)} of ${formatCount(total)}`;
}
