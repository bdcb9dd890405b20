import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type ConfigFile, configText, isConfigFile, readConfigFile } from '../core/config-file/index.js';
import { ExitCode, WishboneError } from '../core/errors.js';
import { stopRunner } from '../core/runner/runner.js';
import { isAtWork, listRun, listRuns, readLabels, type RunListing, RUNS_FOLDER, writeLabels } from '../core/run/index.js';
import { expandSweep, readSweep, sweepFile, type SweepRecord, type Trial, type TrialRecord, writeSweep } from '../core/sweep/index.js';
import { Exit } from './exit.js';
import { withInterrupts } from './interrupt.js';
import { figureCells } from './run-text.js';
import { StatusLine, table } from './terminal.js';

/** How often a run that goes is looked at. */
const LOOK_MILLISECONDS = 1000;

interface Options {
  readonly dryRun?: boolean;
  readonly retry?: boolean;
  readonly skip?: string;
  readonly json?: boolean;
}

/** A trial, and what is known of its run. */
interface Outcome extends TrialRecord {
  readonly options: Trial['options'];
  readonly state: string;
  readonly run: RunListing | undefined;
}

export function addSweepCommand(program: Command): void {
  program
    .command('sweep')
    .summary('train once with each of several values of options')
    .description(
      'Trains the runs of a run config with a "sweep", one after the other. Tokens and reference log-probabilities are computed once and\n' +
        'shared. What was begun goes on when the same command is given again, whatever ended it: finished runs are passed over, stopped ones\n' +
        'are resumed. Ctrl-C finishes the step of the run at work, and stops there.',
    )
    .argument('<config>', 'a run config, *.wishbone.json, with a "sweep"')
    .option('--dry-run', 'say which runs there are, and how they stand, and start none')
    .option('--skip <text>', 'pass over runs whose name contains this, from now on')
    .option('--retry', 'do again what failed or was passed over')
    .option('--json', 'print one JSON object at the end')
    .action(sweepCommand);
}

async function sweepCommand(file: string, options: Options): Promise<void> {
  if (!isConfigFile(file)) {
    throw new WishboneError('a sweep is a run config, *.wishbone.json', file, 'see docs/run-config.md, "Sweeps"', ExitCode.usage);
  }
  const config = await readConfigFile(file);
  const trials = expandSweep(config);
  const runsFolder = path.resolve(config.runs ?? RUNS_FOLDER);
  const name = config.name ?? path.basename(config.file).replace(/\.wishbone\.json$/i, '');
  const sweep = new Sweep(config, name, runsFolder, trials);
  await sweep.open(options);
  if (options.dryRun !== true) await sweep.run();
  await sweep.report(options.json === true, options.dryRun === true);
}

class Sweep {
  readonly #file: string;
  readonly #status = new StatusLine();
  #trials: TrialRecord[] = [];
  /** It was begun before: runs may be there that were started and not noted any more. */
  #wasBegun = false;
  #isStopped = false;

  constructor(
    readonly config: ConfigFile,
    readonly name: string,
    readonly runsFolder: string,
    readonly trials: readonly Trial[],
  ) {
    this.#file = sweepFile(runsFolder, name);
  }

  /** Takes over how far the sweep is. Runs that the config no longer has are left alone; new ones come to it. */
  async open({ retry, skip, dryRun }: Options): Promise<void> {
    const known = await readSweep(this.#file);
    this.#wasBegun = known !== undefined;
    const before = new Map(known?.trials.map((trial) => [trial.name, trial]));
    this.#trials = this.trials.map(({ name }) => {
      const { folder, skipped } = before.get(name) ?? {};
      const isSkipped = skip !== undefined && name.includes(skip);
      const reason = isSkipped ? 'passed over' : retry ? undefined : skipped;
      // What failed begins anew.
      return { name, folder: retry && skipped !== undefined ? undefined : folder, skipped: reason };
    });
    if (dryRun !== true) await this.#keep();
  }

  async run(): Promise<void> {
    let current: string | undefined;
    const onInterrupt = (count: number): void => {
      this.#isStopped = true;
      if (count === 1)
        this.#status.note('Stopping after this step; the same command goes on from there. Press Ctrl-C again to end it at once.');
      if (current !== undefined) void stopRunner(current, { force: count > 1 });
    };
    await withInterrupts(onInterrupt, async () => {
      for (let at = 0; at < this.#trials.length && !this.#isStopped; at++) {
        const trial = this.#trials[at]!;
        if (trial.skipped !== undefined) continue;
        const words = `run ${at + 1} of ${this.#trials.length}: ${trial.name}`;
        await this.#adopt(at);
        const state = await stateOf(this.#trials[at]!.folder);
        if (state === 'finished') continue;
        const { folder } = this.#trials[at]!;
        const isAtWorkAlready = folder !== undefined && (await isAtWork(folder));
        if (!isAtWorkAlready) {
          this.#status.show(`Starting ${words}`);
          const started = await this.#start(at, state);
          if ('problem' in started) {
            this.#status.note(`${words}: ${started.problem}`);
            await this.#change(at, { skipped: started.problem });
            continue;
          }
          await this.#change(at, { folder: started.folder });
        }
        current = this.#trials[at]!.folder!;
        // Asked for while it was being started.
        if (this.#isStopped) await stopRunner(current);
        await this.#follow(current, words);
        const end = await listRun(current);
        if (end.problem === undefined && (end.state === 'failed' || end.state === 'crashed')) {
          await this.#change(at, { skipped: `${end.state}: see wishbone show ${path.basename(current)}` });
        }
        current = undefined;
      }
    });
    this.#status.clear();
  }

  /** What came of it so far. @throws Exit when runs are left, or came to nothing */
  async report(json: boolean, isDry: boolean): Promise<void> {
    const outcomes = await Promise.all(this.#trials.map((trial, at) => this.#outcome(trial, this.trials[at]!)));
    const left = outcomes.filter(({ state, skipped }) => state !== 'finished' && skipped === undefined).length;
    if (json) {
      const trials = outcomes.map(({ name, options, folder, state, skipped, run }) => ({
        ...{ name, options, folder, state, skipped },
        figures: run?.problem === undefined ? run?.figures : undefined,
      }));
      console.log(JSON.stringify({ sweep: this.name, record: this.#file, left, trials }));
    } else {
      const cells = outcomes.map(({ name, state, run, skipped }) => [
        name,
        skipped ?? state,
        ...figureCells(run?.problem === undefined ? run?.figures : undefined),
      ]);
      console.log(table(['run', 'state', 'loss', 'margin', 'accuracy'], cells));
      if (!isDry && left > 0) console.log(`\n${left} left: the same command goes on`);
    }
    if (isDry) return;
    if (this.#isStopped) throw new Exit(ExitCode.interrupted);
    if (outcomes.some(({ skipped }) => skipped !== undefined && skipped !== 'passed over')) throw new Exit(ExitCode.internal);
  }

  async #outcome(trial: TrialRecord, { options }: Trial): Promise<Outcome> {
    const run = trial.folder === undefined ? undefined : await listRun(trial.folder);
    return { ...trial, options, run, state: run === undefined ? 'not started' : run.problem === undefined ? run.state : 'gone' };
  }

  /** Takes over a run of this name that was started just before the sweep was ended, and not noted any more. */
  async #adopt(at: number): Promise<void> {
    if (!this.#wasBegun || this.#trials[at]!.folder !== undefined) return;
    const taken = new Set(this.#trials.map(({ folder }) => folder));
    const found = (await listRuns(this.runsFolder)).find(
      (run) => run.problem === undefined && run.config.name === this.#runName(at) && !taken.has(run.folder),
    );
    if (found !== undefined) await this.#change(at, { folder: found.folder });
  }

  #runName(at: number): string {
    return `${this.name} ${this.trials[at]!.name}`.trim().slice(0, 200);
  }

  /** Starts a trial's run, or resumes it. The run is a process of its own: whatever ends the sweep leaves it alone. */
  async #start(at: number, state: string | undefined): Promise<{ readonly folder: string } | { readonly problem: string }> {
    const { folder } = this.#trials[at]!;
    const isResumed = folder !== undefined && state !== undefined && state !== 'gone';
    const what = isResumed ? ['--resume', folder] : [await this.#writeConfig(at), '--runs', this.runsFolder];
    const { execa } = await import('execa');
    const command = [...process.execArgv, process.argv[1]!, 'train', ...what, '--detach', '--json'];
    // Of a group of its own: Ctrl-C is for the sweep, which knows what to do.
    const child = await execa(process.execPath, command, { reject: false, stdin: 'ignore', detached: true });
    const answer = parsed(child.stdout);
    if (child.exitCode !== 0 || typeof answer?.['folder'] !== 'string') {
      const error = answer?.['error'] as { readonly what?: string; readonly advice?: string } | undefined;
      return {
        problem:
          error?.what === undefined ? `could not be started: ${child.stderr.split('\n')[0] ?? ''}` : `${error.what}; ${error.advice ?? ''}`,
      };
    }
    const made = answer['folder'];
    const labels = await readLabels(made);
    const tag = tagOf(this.name);
    if (!labels.tags.includes(tag)) await writeLabels(made, { ...labels, tags: [...labels.tags, tag] });
    return { folder: made };
  }

  /** The run config of one trial, kept beside the record. */
  async #writeConfig(at: number): Promise<string> {
    const { options } = this.trials[at]!;
    const { model, dataset, evalDataset, preset, reportTo } = this.config;
    const folder = path.dirname(this.#file);
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `${String(at + 1).padStart(4, '0')}.wishbone.json`);
    const own = (section: 'plan' | 'training' | 'runner'): object => ({
      ...this.config[section],
      ...Object.fromEntries(
        Object.entries(options).flatMap(([option, value]) =>
          option.startsWith(`${section}.`) ? [[option.slice(section.length + 1), value]] : [],
        ),
      ),
    });
    const settings = {
      preset,
      model,
      dataset,
      eval_dataset: evalDataset,
      report_to: reportTo,
      plan: own('plan'),
      training: own('training'),
      runner: own('runner'),
    };
    await writeFile(file, configText({ name: this.#runName(at), ...settings }, folder));
    return file;
  }

  async #follow(folder: string, words: string): Promise<void> {
    while (await isAtWork(folder)) {
      const run = await listRun(folder);
      if (run.problem === undefined) this.#status.show(`${words}: step ${run.step} of ${run.steps ?? '?'}`);
      await sleep(LOOK_MILLISECONDS);
    }
  }

  async #change(at: number, change: Partial<TrialRecord>): Promise<void> {
    this.#trials[at] = { ...this.#trials[at]!, ...change };
    await this.#keep();
  }

  async #keep(): Promise<void> {
    await mkdir(path.dirname(this.#file), { recursive: true });
    const record: SweepRecord = { config: this.config.file, trials: this.#trials };
    await writeSweep(this.#file, record);
  }
}

/** How a trial's run stands; undefined without one, `gone` when its folder is. */
async function stateOf(folder: string | undefined): Promise<string | undefined> {
  if (folder === undefined) return undefined;
  const run = await listRun(folder);
  return run.problem === undefined ? run.state : 'gone';
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '') as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** A name as a tag: without what tags do not have. */
function tagOf(name: string): string {
  return name.replace(/[\s,#\0-\x1f]+/g, '-').slice(0, 40) || 'sweep';
}
