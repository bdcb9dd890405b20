import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ConfigFile, configText } from '../core/config-file/index.js';
import { makeFolderOf } from '../core/files/make-folders.js';
import { readLabels, writeLabels } from '../core/run/index.js';
import type { Trial } from '../core/sweep/index.js';

/** Where a trial's run comes from, and where it goes. */
export interface Beginning {
  readonly config: ConfigFile;
  readonly trial: Trial;
  /** Its number in the sweep, from 1. */
  readonly number: number;
  readonly runName: string;
  /** Of the sweep, where the run configs of its trials are kept. */
  readonly folder: string;
  readonly runsFolder: string;
  /** GPUs in place of those that its options say. */
  readonly gpus: readonly number[] | undefined;
}

/** Starts a trial's run, or resumes the one given. The run is a process of its own: whatever ends the sweep leaves it alone. */
export async function startTrial(
  beginning: Beginning,
  resumed: string | undefined,
): Promise<{ readonly folder: string } | { readonly problem: string }> {
  const what = resumed === undefined ? [await writeTrialConfig(beginning), '--runs', beginning.runsFolder] : ['--resume', resumed];
  const { execa } = await import('execa');
  const command = [...process.execArgv, process.argv[1]!, 'train', ...what, '--detach', '--json'];
  // Of a group of its own: Ctrl-C is for the sweep, which knows what to do.
  const child = await execa(process.execPath, command, { reject: false, stdin: 'ignore', detached: true });
  const answer = parsed(child.stdout);
  if (child.exitCode === 0 && typeof answer?.['folder'] === 'string') return { folder: answer['folder'] };
  const error = answer?.['error'] as { readonly what?: string; readonly advice?: string } | undefined;
  const said = error?.what === undefined ? `could not be started: ${child.stderr.split('\n')[0] ?? ''}` : undefined;
  return { problem: said ?? `${error!.what}; ${error!.advice ?? ''}` };
}

/** Gives a run a tag, or takes it away. Tags only help: a run does without. */
export async function tagRun(folder: string, tag: string, isWanted = true): Promise<void> {
  try {
    const labels = await readLabels(folder);
    if (labels.tags.includes(tag) === isWanted) return;
    await writeLabels(folder, { ...labels, tags: isWanted ? [...labels.tags, tag] : labels.tags.filter((each) => each !== tag) });
  } catch {
    // Too many of them, or a folder that is gone.
  }
}

/** The run config of one trial, kept beside the record. */
async function writeTrialConfig({ config, trial, number, runName, folder, gpus }: Beginning): Promise<string> {
  const { model, dataset, evalDataset, preset, reportTo } = config;
  const options: Trial['options'] = gpus === undefined ? trial.options : { ...trial.options, 'runner.devices': gpus, 'runner.device': 0 };
  const file = path.join(folder, `${String(number).padStart(4, '0')}.wishbone.json`);
  await makeFolderOf(file);
  const own = (section: 'plan' | 'training' | 'runner'): object => ({
    ...config[section],
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
  await writeFile(file, configText({ name: runName, ...settings }, folder));
  return file;
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '') as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
