import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { ggufUpload, pushGguf } from '../core/gguf/index.js';
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
  readonly gguf?: boolean;
  readonly baseModel?: string;
  readonly json?: boolean;
}

export function addPushCommand(program: Command): void {
  program
    .command('push')
    .summary('upload the trained model or adapter of a run to the hub')
    .description(
      'Uploads the model of the best evaluation of a run (or what it exported at its end), or its adapter, with the model card to the ' +
        'Hugging Face hub: into a private repository unless --public is given. With --gguf it uploads the GGUF files that wishbone export has written of ' +
        'the run, with their Modelfiles. Nothing that names folders of this machine is uploaded.',
    )
    .argument('<run>', `${RUN_HELP}; or a model or adapter folder, or a GGUF file`)
    .argument('[repository]', "org/name; by default the run's name (with -GGUF), of the token's owner")
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--step <number>', 'use the checkpoint of this step instead of the best evaluation', count)
    .option('--public', 'let everybody see the repository, if it is made')
    .option('--overwrite', 'replace files of a repository that is there already')
    .option('--gguf', 'upload the GGUF files of the run')
    .option(
      '--base-model <id>',
      'the repository of the model that GGUF files were made from; by default that of the run, if it is uploaded',
    )
    .option('--json', 'print one JSON object')
    .action(pushCommand);
}

async function pushCommand(named: string, repository: string | undefined, options: Options): Promise<void> {
  const { runs, step, json, overwrite = false } = options;
  const isFile = /\.gguf$/i.test(named) && existsSync(named);
  const gguf = options.gguf === true || isFile;
  if (options.baseModel !== undefined && !gguf)
    throw new WishboneError('--base-model is said in the card of GGUF files alone', '--base-model', 'add --gguf', ExitCode.usage);
  if (options.step !== undefined && gguf)
    throw new WishboneError('GGUF files are of the step they were written of', '--step', 'give --step to wishbone export', ExitCode.usage);
  const folder = isFile || (!gguf && (await isModelFolder(named))) ? named : await findRun(named, runs);
  const settings = await hubSettings();
  const status = new StatusLine();
  const pushed = await cancellable(async (signal) => {
    const mayReplace = (full: string, isPrivate: boolean): Promise<boolean> =>
      overwrite ? Promise.resolve(true) : ask(full, isPrivate, signal);
    const how = { isPublic: options.public, mayReplace };
    const work = { signal, onProgress: (progress: Parameters<typeof progressText>[0]) => status.show(progressText(progress)) };
    if (gguf) {
      const files = await ggufUpload(folder, { signal });
      return pushGguf(settings, files, { ...how, name: repository, baseModel: options.baseModel }, work);
    }
    const { name, ...source } = await pushSource(folder, { step, signal });
    return pushFolder(settings, { ...source, ...how, name: repository ?? name }, work);
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
