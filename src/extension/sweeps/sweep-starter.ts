import path from 'node:path';

import * as vscode from 'vscode';

import { CONFIG_SUFFIX, type ConfigSettings, configText, parseConfigFile, readConfigFile } from '../../core/config-file/index.js';
import { WishboneError } from '../../core/errors.js';
import { mostBytes, readPlainText } from '../../core/files/plain-file.js';
import { locateRunner } from '../../core/runner/index.js';
import { RUNS_FOLDER } from '../../core/run/index.js';
import {
  changedTrials,
  checkUnchanged,
  expandSweep,
  queueOf,
  readSweep,
  startSweep,
  sweepFile,
  type SweepRecord,
} from '../../core/sweep/index.js';
import { plural } from '../../format.js';
import { commandLineFile, commandLineVariables } from '../command-line.js';
import { showWarning, withProgress } from '../messages.js';
import { chooseConfig } from '../run-config/choose-config.js';
import type { TrackerSettings } from '../trackers/tracker-settings.js';
import { runsFolderFor } from '../workspace.js';
import { writeWhole } from '../write-whole.js';
import { isSameSweep } from './same-sweep.js';

const NEW_FILE = 'Write a New File';
const OVERWRITE = 'Overwrite';

/** A sweep as a form has it. */
export interface SweepDecision {
  readonly settings: ConfigSettings;
  /** The run config that it comes from; undefined: one is written. */
  readonly file: string | undefined;
  /** Name of a new one, with {@link CONFIG_SUFFIX}. */
  readonly fileName: string;
  /** The first file of the dataset: decides in which folder of the workspace it is. */
  readonly dataset: string;
  /** As `wishbone sweep --parallel` takes it. */
  readonly parallel: string;
}

export interface StartedSweep {
  /** Its record, and its run config. */
  readonly file: string;
  readonly config: string;
}

/** Starts the queues of sweeps, each a process of its own that outlives the window. */
export class SweepStarter {
  constructor(
    readonly extensionUri: vscode.Uri,
    readonly trackers: TrackerSettings,
  ) {}

  /**
   * Writes the run config, where there is none that says the same, and starts its queue. Nothing is overwritten without a question.
   *
   * @returns undefined when it was given up
   * @throws WishboneError when the sweep is at work, is another config's, or does not start
   */
  async start({ settings, file, fileName, dataset, parallel }: SweepDecision): Promise<StartedSweep | undefined> {
    const runs = runsFolderFor(dataset);
    if (runs === undefined) return undefined;
    await locateRunner();
    const root = path.dirname(path.dirname(runs));
    const written = await this.#writeConfig(file ?? path.join(root, fileName), settings, runs);
    if (written === undefined) return undefined;
    await this.goOn(written.config, written.file, { parallel });
    return written;
  }

  /**
   * Starts the queue of a sweep, or has it go on.
   *
   * @param file its record
   * @param retry what failed or was passed over is done again
   * @throws WishboneError when its run config is gone, damaged or another sweep's by now, when it is at work, or does not start
   */
  async goOn(config: string, file: string, { parallel = '1', retry = false }: { parallel?: string; retry?: boolean } = {}): Promise<void> {
    const read = await readConfigFile(config);
    checkUnchanged(await readSweep(file), read, expandSweep(read));
    // Where `wishbone sweep` is called by hand: beside `.wishbone/sweeps/<name>/sweep.json`.
    const folder = path.resolve(path.dirname(file), '../../..');
    const own = sweepFile(read.runs ?? path.join(folder, RUNS_FOLDER), read.name ?? stemOf(config));
    if (own !== file) {
      throw new WishboneError('the run config is of another sweep now', read.where('name'), 'start it from there, and forget this one');
    }
    const more = ['--parallel', parallel, ...(retry ? ['--retry'] : [])];
    // What trackers are shown is for those that report to some.
    const told = read.reportTo === undefined ? {} : await this.trackers.variables();
    await withProgress({ location: vscode.ProgressLocation.Window, title: 'Starting the sweep' }, () =>
      startSweep(config, file, {
        cli: [commandLineFile(this.extensionUri)],
        more,
        folder,
        env: { ...told, ...commandLineVariables() },
      }),
    );
  }

  async #writeConfig(config: string, settings: ConfigSettings, runs: string): Promise<StartedSweep | undefined> {
    const file = sweepFile(runs, settings.name ?? stemOf(config));
    const known = await this.#checkFree(file, config);
    const text = configText(settings, path.dirname(config));
    const before = await textIn(config);
    if (before !== undefined) {
      if (isSameSweep(before, text, config)) return { file, config };
      const now = parseConfigFile(text, config);
      const choice = await this.#ask(config, changedTrials(known, now, expandSweep(now)).length);
      if (choice === NEW_FILE) return this.#writeNew(config, settings, runs);
      if (choice !== OVERWRITE) return undefined;
    }
    await writeWhole(vscode.Uri.file(config), text);
    return { file, config };
  }

  /** Asks for another file, and writes that. A sweep of a new file goes by the file's name. */
  async #writeNew(config: string, settings: ConfigSettings, runs: string): Promise<StartedSweep | undefined> {
    // The dialog asks before it overwrites.
    const target = await chooseConfig(await freeName(config));
    if (target === undefined) return undefined;
    const file = sweepFile(runs, stemOf(target.fsPath));
    await this.#checkFree(file, target.fsPath);
    const text = configText({ ...settings, name: undefined }, path.dirname(target.fsPath));
    await writeWhole(target, text);
    return { file, config: target.fsPath };
  }

  /** @throws WishboneError when the sweep is at work, or is another config's */
  async #checkFree(file: string, config: string): Promise<SweepRecord | undefined> {
    const folder = path.dirname(file);
    if ((await queueOf(file)) !== undefined) {
      throw new WishboneError('a process works on a sweep of this name', folder, 'pause it first, or give this one another name');
    }
    const known = await readSweep(file);
    if (known !== undefined && known.config !== config) {
      throw new WishboneError('there is a sweep of this name, of another run config', known.config, 'give this one another name');
    }
    return known;
  }

  /** @param changed runs of the sweep that were begun with other settings: it cannot be the same one then */
  async #ask(config: string, changed: number): Promise<string | undefined> {
    const why =
      changed > 0
        ? `${plural(changed, 'run')} of its sweep ${changed === 1 ? 'was' : 'were'} begun with other settings, so this is a new sweep, with a file of its own.`
        : 'A new file is a new sweep. Overwritten, it is the same sweep: its runs that have ended are not trained again where they have the same values.';
    return showWarning(
      `${path.basename(config)} says something else than the form.`,
      { modal: true, detail: `${config}\n\n${why}` },
      ...[NEW_FILE, ...(changed > 0 ? [] : [OVERWRITE])],
    );
  }
}

const stemOf = (config: string): string => path.basename(config).slice(0, -CONFIG_SUFFIX.length);

/** What a file says; undefined when there is none. @throws WishboneError when it cannot be read */
async function textIn(file: string): Promise<string | undefined> {
  try {
    return await readPlainText(file, mostBytes.settings);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof WishboneError) throw error;
    throw new WishboneError(`cannot be read (${(error as Error).message})`, file, 'give the sweep another name');
  }
}

/** The name with the first number that no file has. */
async function freeName(config: string): Promise<string> {
  const stem = config.slice(0, -CONFIG_SUFFIX.length).replace(/-\d+$/, '');
  for (let number = 2; ; number++) {
    const name = `${stem}-${number}${CONFIG_SUFFIX}`;
    const isThere = await Promise.resolve(vscode.workspace.fs.stat(vscode.Uri.file(name))).then(
      () => true,
      () => false,
    );
    if (!isThere) return name;
  }
}
