import path from 'node:path';
import { type Command, Option } from 'commander';
import { ExitCode, WishboneError } from '../core/errors.js';
import { exportForOllama, GGUF_TYPES, type GgufType } from '../core/gguf/index.js';
import { modelId } from '../core/hub/index.js';
import { exportBest } from '../core/runner/index.js';
import { RUNS_FOLDER } from '../core/run/index.js';
import { findRun, isModelFolder, RUN_HELP } from './find-run.js';
import { modelFromHub } from './hub.js';
import { cancellable } from './interrupt.js';
import { count } from './options.js';
import { progressText, StatusLine } from './terminal.js';

interface Options {
  readonly runs: string;
  readonly step?: number;
  readonly gguf?: GgufType;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

export function addExportCommand(program: Command): void {
  program
    .command('export')
    .summary('write the model of the best evaluation, or of another checkpoint; also for llama.cpp and Ollama')
    .description(
      'Writes the model of the best evaluation of a run as a Hugging Face folder, in exports/ of the run folder. With --gguf it ' +
        'writes the model, or the adapter, as a GGUF file for llama.cpp, with a Modelfile for Ollama next to it.',
    )
    .argument(
      '<run>',
      `${RUN_HELP}; it must have an evaluation; it may still be running. With --gguf also a model or adapter folder, or id of a model on the hub`,
    )
    .option('--runs <folder>', 'folder of the runs', RUNS_FOLDER)
    .option('--step <number>', 'use the checkpoint of this step instead of the best evaluation', count)
    .addOption(new Option('--gguf <type>', 'write a GGUF file').choices(GGUF_TYPES))
    .option('--out <file>', 'the GGUF file; by default in gguf/ of the run folder, beside the model folder, or here')
    .option('--overwrite', 'replace files that are there')
    .option('--json', 'print one JSON object')
    .action(exportCommand);
}

async function exportCommand(named: string, options: Options): Promise<void> {
  const { runs, step, json, gguf, out, overwrite } = options;
  if (gguf === undefined) {
    for (const name of ['out', 'overwrite'] as const)
      if (options[name] !== undefined)
        throw new WishboneError(`--${name} says where a GGUF file goes, and none is asked for`, `--${name}`, 'add --gguf', ExitCode.usage);
    const folder = await findRun(named, runs);
    const model = await cancellable((signal) => exportBest(folder, { signal, ...(step === undefined ? {} : { step }) }));
    console.log(json === true ? JSON.stringify({ export: model }) : model);
    return;
  }
  const status = new StatusLine();
  const fromHub = modelId(named);
  const folder =
    fromHub !== undefined ? await modelFromHub(named, status) : (await isModelFolder(named)) ? named : await findRun(named, runs);
  // Not into the cache.
  const file = out ?? (fromHub === undefined ? undefined : `${path.basename(fromHub.name)}-${gguf}.gguf`);
  const written = await cancellable((signal) =>
    exportForOllama(
      { folder, type: gguf, out: file, step, overwrite, name: fromHub && path.basename(fromHub.name) },
      { signal, onProgress: (progress) => status.show(progressText(progress)) },
    ),
  ).finally(() => status.clear());
  for (const note of written.notes) status.note(`note: ${note}`);
  const { modelfile, notes } = written;
  console.log(json === true ? JSON.stringify({ gguf: written.file, modelfile, notes }) : written.file);
}
