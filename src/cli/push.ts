import type { Command } from 'commander';
import { hubSettings, mebibytes, pushFolder } from '../core/hub/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { pushSource } from '../core/runner/index.js';
import { askYes, canAsk } from './ask.js';
import { findRun, isModelFolder, RUN_HELP } from './find-run.js';
import { cancellable } from './interrupt.js';
import { count } from './options.js';
import { grouped, progressText, StatusLine } from './terminal.js';

interface Options {
  readonly runs: string;
  readonly step?: number;
  readonly public?: boolean;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

export function addPushCommand(program: Command): void {
  program
    .command('push')
    .summary('upload the trained model or adapter of a run to the hub')
    .description(
      'Uploads the model of the best evaluation of a run (or what it exported at its end), or its adapter, with the model card to the ' +
        'Hugging Face hub: into a private repository unless --public is given. Nothing that names folders of this machine is uploaded.',
    )
    .argument('<run>', `${RUN_HELP}; or a model or adapter folder`)
    .argument('[repository]', "org/name; by default the run's name, of the token's owner")
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--step <number>', 'use the checkpoint of this step instead of the best evaluation', count)
    .option('--public', 'let everybody see the repository, if it is made')
    .option('--overwrite', 'replace files of a repository that is there already')
    .option('--json', 'print one JSON object')
    .action(pushCommand);
}

async function pushCommand(named: string, repository: string | undefined, options: Options): Promise<void> {
  const { runs, step, json, overwrite = false } = options;
  const folder = (await isModelFolder(named)) ? named : await findRun(named, runs);
  const settings = await hubSettings();
  const status = new StatusLine();
  const pushed = await cancellable(async (signal) => {
    const { name, ...source } = await pushSource(folder, { step, signal });
    const mayReplace = (full: string, isPrivate: boolean): Promise<boolean> =>
      overwrite ? Promise.resolve(true) : ask(full, isPrivate, signal);
    return pushFolder(
      settings,
      { ...source, name: repository ?? name, isPublic: options.public, mayReplace },
      { signal, onProgress: (progress) => status.show(progressText(progress)) },
    );
  }).finally(() => status.clear());
  const { url, commit, files, bytes } = pushed;
  status.note(`${grouped(files)} files, ${mebibytes(bytes)}, commit ${commit}`);
  console.log(json === true ? JSON.stringify({ url, name: pushed.name, commit, files, bytes }) : url);
}

/** On a terminal, whether files of a repository may be replaced; elsewhere nobody can say so. */
async function ask(name: string, isPrivate: boolean, signal: AbortSignal): Promise<boolean> {
  if (!canAsk()) return false;
  const seen = isPrivate ? 'private' : 'which everybody may see';
  return askYes(`There is a repository ${name} already (${seen}). Replace its files?`, signal);
}
