import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConfigFile, resolveConfig } from '../core/config-file/index.js';
import { makeFolderOf } from '../core/files/make-folders.js';
import { autoBackend, devicesInUse, gpus, gpusOf, runnerBackends, stopRunner } from '../core/runner/index.js';
import { isAtWork, listRun, listRuns, type RunListing } from '../core/run/index.js';
import {
  allot,
  checkUnchanged,
  type Contender,
  EARLY_TAG,
  evaluationsOf,
  type Halving,
  halvingOf,
  obeyed,
  optionsOf,
  type Order,
  readSweep,
  removeOrder,
  type Rung,
  settingOf,
  settingsHash,
  type Share,
  type Standing,
  standings,
  sweepFile,
  tagOf,
  takeOrders,
  type Trial,
  type TrialRecord,
  writeSweep,
} from '../core/sweep/index.js';
import { withInterrupts } from './interrupt.js';
import { startTrial, tagRun } from './sweep-trial.js';
import { StatusLine } from './terminal.js';

/** How often runs that go are looked at; those that are to be stopped at a step more often. */
const LOOK_MILLISECONDS = { plain: 1000, halving: 200 } as const;

/** A trial, and what is known of its run. */
export interface Outcome extends TrialRecord {
  readonly options: Trial['options'];
  readonly state: string;
  readonly run: RunListing | undefined;
  readonly out: Standing['out'];
  /** It has been evaluated at a rung, and waits for others. */
  readonly waits: boolean;
}

/** What was found when a trial's run was looked at last. */
interface Looked {
  readonly state: string;
  readonly run: RunListing | undefined;
  readonly isAtWork: boolean;
  readonly evaluations: ReadonlyMap<number, number>;
}

/** The runs of a sweep, worked off: as many at once as there is room for, each until its end or the rung that it goes for. */
export class SweepQueue {
  readonly file: string;
  readonly halving: Halving | undefined;
  readonly #status = new StatusLine();
  readonly #by: string;
  #trials: TrialRecord[] = [];
  #looked: Looked[] = [];
  #first: readonly string[] = [];
  #parallel: Share['parallel'] = 1;
  #rungs: readonly Rung[] = [];
  #standing: ReadonlyMap<string, Standing> = new Map();
  /** It was begun before: runs may be there that were started and not noted any more. */
  #wasBegun = false;
  #isStopped = false;
  /** Trials, by their place: whose run is at work, is to stop, was stopped by somebody else. */
  readonly #atWork = new Set<number>();
  readonly #stopping = new Set<number>();
  readonly #stoppedByOthers = new Set<number>();
  /** The one that is being started: one at a time, since the next takes the devices that are left. */
  #starting: Promise<void> | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(
    readonly config: ConfigFile,
    readonly name: string,
    readonly runsFolder: string,
    readonly trials: readonly Trial[],
  ) {
    this.file = sweepFile(runsFolder, name);
    const block = config.sweep?.halving;
    this.halving = block === undefined ? undefined : halvingOf(block);
    this.#by = JSON.stringify(this.halving ?? null);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Takes over how far the sweep is. Runs that the config no longer has are left alone; new ones come to it.
   *
   * @throws WishboneError when the record is damaged, or runs were begun with other settings than the config has
   */
  async open({ retry, skip, first }: { readonly retry?: boolean; readonly skip?: string; readonly first?: string }): Promise<void> {
    const known = await readSweep(this.file);
    checkUnchanged(known, this.config, this.trials);
    this.#wasBegun = known !== undefined;
    const before = new Map(known?.trials.map((trial) => [trial.name, trial]));
    this.#trials = this.trials.map(({ name }) => {
      const { folder, settings, skipped, early } = before.get(name) ?? {};
      if (!retry || skipped === undefined) return { name, folder, settings, skipped, early };
      // What failed begins anew.
      return { name };
    });
    this.#first = known?.first ?? [];
    const kept = known?.halving;
    if (kept !== undefined && kept.by === this.#by) this.#rungs = kept.rungs;
    this.#order({ skip, first });
    this.#looked = await Promise.all(this.#trials.map(({ folder }) => this.#look(folder)));
    this.#judge();
  }

  /** Writes down how it stands. */
  async keep(): Promise<void> {
    await makeFolderOf(this.file);
    const halving = this.halving === undefined ? undefined : { by: this.#by, rungs: this.#rungs };
    await writeSweep(this.file, {
      name: this.name,
      config: this.config.file,
      trials: this.#trials,
      parallel: this.#parallel,
      first: this.#first,
      halving,
    });
  }

  /** @param parallel so many runs at once */
  async run(parallel: Share['parallel']): Promise<void> {
    const share = await this.#share(parallel);
    this.#parallel = parallel;
    await this.keep();
    const onInterrupt = (count: number): void => {
      this.#isStopped = true;
      if (count === 1)
        this.#status.note('Stopping after this step; the same command goes on from there. Press Ctrl-C again to end it at once.');
      else for (const at of this.#atWork) void stopRunner(this.#trials[at]!.folder!, { force: true });
    };
    await withInterrupts(onInterrupt, async () => {
      // What was left is from a queue that is gone, and so is a pause.
      for (const { file, order } of await takeOrders(this.file)) if (order.pause === true) await removeOrder(file);
      for (const at of this.#trials.keys()) await this.#takeOver(at);
      for (;;) {
        await this.#obey();
        for (const at of this.#atWork) this.#looked[at] = await this.#look(this.#trials[at]!.folder);
        await this.#decide();
        for (const at of [...this.#atWork]) await this.#see(at);
        if (this.#fault !== undefined) throw this.#fault.error;
        if (!this.#isStopped) await this.#startNext(share);
        if (this.#atWork.size === 0 && this.#starting === undefined && (this.#isStopped || this.#waiting().length === 0)) break;
        this.#show();
        const pause = sleep(LOOK_MILLISECONDS[this.halving === undefined ? 'plain' : 'halving']);
        await (this.#starting === undefined ? pause : Promise.race([pause, this.#starting]));
      }
    });
    this.#status.clear();
  }

  /** How all runs stand, in their order. */
  async outcomes(): Promise<Outcome[]> {
    this.#looked = await Promise.all(this.#trials.map(({ folder }) => this.#look(folder)));
    this.#judge();
    return this.#trials.map((trial, at) => {
      const { state, run } = this.#looked[at]!;
      const { out, waits = false } = this.#standing.get(trial.name) ?? {};
      return { ...trial, options: this.trials[at]!.options, state, run, out, waits };
    });
  }

  async #look(folder: string | undefined): Promise<Looked> {
    const none = { isAtWork: false, evaluations: new Map<number, number>(), run: undefined };
    if (folder === undefined) return { ...none, state: 'not started' };
    // Before the rest: one that ends meanwhile is seen again.
    const atWork = await isAtWork(folder);
    const run = await listRun(folder);
    if (run.problem !== undefined) return { ...none, run, state: 'gone' };
    const evaluations = this.halving === undefined ? none.evaluations : await evaluationsOf(folder, this.halving.metric);
    return { run, state: run.state, isAtWork: atWork, evaluations };
  }

  /** Where the trials stand with the rungs, from what was found. @returns whether anything was decided */
  #judge(): boolean {
    if (this.halving === undefined) return false;
    const contenders = this.#trials.flatMap(({ name, skipped }, at): Contender[] => {
      const { state, evaluations } = this.#looked[at]!;
      return skipped === undefined ? [{ name, setting: settingOf(this.trials[at]!), evaluations, isFinished: state === 'finished' }] : [];
    });
    const { rungs, of } = standings(contenders, this.halving, this.#rungs);
    const isOther = JSON.stringify(rungs) !== JSON.stringify(this.#rungs);
    [this.#rungs, this.#standing] = [rungs, of];
    return isOther;
  }

  async #decide(): Promise<void> {
    // Before anybody is stopped for it.
    if (this.#judge()) await this.keep();
    for (const [at, { name, folder, early }] of this.#trials.entries()) {
      const out = this.#standing.get(name)?.out;
      if (out !== undefined && early === undefined && !this.#atWork.has(at) && this.#looked[at]!.state !== 'finished') {
        await this.#markEarly(at, out.step);
      } else if (out === undefined && early !== undefined) {
        // Runs that came to the sweep later may have others go on that were stopped.
        await this.#change(at, { early: undefined });
        if (folder !== undefined) await tagRun(folder, EARLY_TAG, false);
      }
    }
  }

  /** Takes over a run that is at work, or that was started just before the sweep was ended, and not noted any more. */
  async #takeOver(at: number): Promise<void> {
    const { folder, early, skipped } = this.#trials[at]!;
    if (folder === undefined && this.#wasBegun && skipped === undefined) {
      const taken = new Set(this.#trials.map((trial) => trial.folder));
      const found = (await listRuns(this.runsFolder)).find(
        (run) => run.problem === undefined && run.config.name === this.#runName(at) && !taken.has(run.folder),
      );
      if (found === undefined) return;
      await this.#change(at, { folder: found.folder });
      this.#looked[at] = await this.#look(found.folder);
    }
    // One that was stopped for good and goes all the same was resumed by somebody.
    if (this.#looked[at]!.isAtWork && early === undefined) this.#atWork.add(at);
  }

  async #obey(): Promise<void> {
    for (const { file, order } of await takeOrders(this.file)) {
      this.#order(order);
      await this.keep();
      await removeOrder(file);
      if (order.pause !== true || this.#isStopped) continue;
      this.#isStopped = true;
      this.#status.note('Paused: runs stop after their step; the same command goes on from there.');
    }
  }

  #order(order: Order): void {
    const { trials, first } = obeyed({ trials: this.#trials, first: this.#first }, order);
    [this.#trials, this.#first] = [[...trials], first];
  }

  /** What there is to do about a run that was at work. */
  async #see(at: number): Promise<void> {
    const { name, folder, skipped } = this.#trials[at]!;
    const { isAtWork: goes, state, run } = this.#looked[at]!;
    const { out, waits = false } = this.#standing.get(name) ?? {};
    if (!goes) {
      this.#atWork.delete(at);
      const wasAsked = this.#stopping.delete(at);
      if (skipped === undefined && (state === 'failed' || state === 'crashed')) {
        return this.#change(at, { skipped: `${state}: see wishbone show ${path.basename(folder!)}` });
      }
      if (state === 'stopped' && !wasAsked) this.#stoppedByOthers.add(at);
      return;
    }
    const isWanted = !this.#isStopped && skipped === undefined && out === undefined && !waits;
    if (isWanted || this.#stopping.has(at)) return;
    this.#stopping.add(at);
    // Asked twice it would end without a checkpoint.
    if (state !== 'stopping') await stopRunner(folder!);
    if (out === undefined) return;
    const step = run?.problem === undefined ? run?.step : undefined;
    this.#status.note(
      `${name}: stopped early by the sweep, rung ${out.rung}, step ${out.step}${step === undefined ? '' : ` (now ${step})`}`,
    );
    await this.#markEarly(at, out.step);
  }

  async #markEarly(at: number, step: number): Promise<void> {
    await this.#change(at, { early: step });
    const { folder } = this.#trials[at]!;
    if (folder !== undefined) await tagRun(folder, EARLY_TAG);
  }

  /** Trials that could be started, the next one first. */
  #waiting(): number[] {
    const place = new Map(this.#first.map((name, i) => [name, i - this.#first.length]));
    return [...this.#trials.keys()]
      .filter((at) => {
        const { name, skipped } = this.#trials[at]!;
        const { out, waits = false } = this.#standing.get(name) ?? {};
        const isOpen = skipped === undefined && out === undefined && !waits && this.#looked[at]!.state !== 'finished';
        return isOpen && !this.#atWork.has(at) && !this.#stoppedByOthers.has(at);
      })
      .sort((a, b) => (place.get(this.#trials[a]!.name) ?? a) - (place.get(this.#trials[b]!.name) ?? b));
  }

  async #startNext(share: Share): Promise<void> {
    if (this.#starting !== undefined) return;
    const waiting = this.#waiting();
    if (waiting.length === 0) return;
    const used = share.gpus === 0 || share.parallel === 1 ? new Map<number, string>() : await devicesInUse([this.runsFolder]);
    const free = Array.from({ length: share.gpus }, (_, number) => number).filter((number) => !used.has(number));
    for (const at of waiting) {
      const { run } = this.#looked[at]!;
      // A run that goes on has the devices that it had.
      const asked =
        run !== undefined && run.problem === undefined
          ? { devices: [...gpusOf(run.config.runner)], device: 0 }
          : optionsOf(this.config, this.trials[at]!.options).runner;
      const given = allot(asked, share, free, this.#atWork.size);
      if (given === undefined) continue;
      this.#starting = this.#start(at, given === 'as-asked' ? undefined : given)
        .catch((error: unknown) => void (this.#fault = { error }))
        .finally(() => (this.#starting = undefined));
      return;
    }
  }

  async #start(at: number, given: readonly number[] | undefined): Promise<void> {
    const { state, run } = this.#looked[at]!;
    const words = this.#words(at);
    this.#status.show(`Starting ${words}`);
    const resumed = run !== undefined && state !== 'gone' ? run.folder : undefined;
    const started = await startTrial(
      {
        config: this.config,
        trial: this.trials[at]!,
        number: at + 1,
        runName: this.#runName(at),
        folder: path.dirname(this.file),
        runsFolder: this.runsFolder,
        gpus: given,
      },
      resumed,
    );
    if ('problem' in started) {
      this.#status.note(`${words}: ${started.problem}`);
      return this.#change(at, { skipped: started.problem });
    }
    const settings = resumed === undefined ? settingsHash(this.config, this.trials[at]!) : this.#trials[at]!.settings;
    await this.#change(at, { folder: started.folder, settings });
    await tagRun(started.folder, tagOf(this.name));
    this.#looked[at] = await this.#look(started.folder);
    this.#atWork.add(at);
  }

  async #share(parallel: Share['parallel']): Promise<Share> {
    const { backend } = resolveConfig(this.config).runner;
    if (parallel === 1 || backend === 'cpu') return { parallel, gpus: 0 };
    const backends = await runnerBackends();
    const isCpu = backend === 'auto' && autoBackend(backends) === 'cpu';
    return { parallel, gpus: isCpu ? 0 : gpus(backends).length };
  }

  #show(): void {
    const going = [...this.#atWork].sort((a, b) => a - b);
    const [at] = going;
    if (at === undefined) return;
    const { run } = this.#looked[at]!;
    const step = run === undefined || run.problem !== undefined ? '' : `: step ${run.step} of ${run.steps ?? '?'}`;
    const others = going.length > 1 ? `, and ${going.length - 1} more at work` : '';
    this.#status.show(`${this.#words(at)}${step}${others}`);
  }

  #words(at: number): string {
    return `run ${at + 1} of ${this.#trials.length}: ${this.#trials[at]!.name}`;
  }

  #runName(at: number): string {
    return `${this.name} ${this.trials[at]!.name}`.trim().slice(0, 200);
  }

  async #change(at: number, change: Partial<TrialRecord>): Promise<void> {
    this.#trials[at] = { ...this.#trials[at]!, ...change };
    await this.keep();
  }
}
