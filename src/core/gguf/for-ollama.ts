import { access } from 'node:fs/promises';
import path from 'node:path';
import { makeFolderOf } from '../files/make-folders.js';
import { runTask } from '../tasks/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { GgufType } from './mix.js';
import { writeModelfile } from './modelfile.js';
import type { GgufResult } from './request.js';
import { ggufSource } from './source.js';
import { refuseExisting, removeUnfinished } from './write.js';

/** What is to be exported, and where to. */
export interface GgufExport {
  /** A run folder, or any model or adapter folder. */
  readonly folder: string;
  readonly type: GgufType;
  /** The file; by default `gguf/NAME-TYPE.gguf` in a run folder, and beside any other. */
  readonly out?: string | undefined;
  readonly step?: number | undefined;
  /** What the model is called; by default as the run or the folder. */
  readonly name?: string | undefined;
  readonly overwrite?: boolean | undefined;
}

/** What was written. */
export interface WrittenGguf extends GgufResult {
  /** Ollama's Modelfile: as the file, with another ending. */
  readonly modelfile: string;
}

/**
 * Writes a GGUF file and a Modelfile for Ollama next to it, in a process of its own.
 *
 * @throws WishboneError what `ggufSource` and `exportGguf` throw
 */
export async function exportForOllama(
  { folder, type, out: named, step, name: called, overwrite = false }: GgufExport,
  work: WorkOptions = {},
): Promise<WrittenGguf> {
  const source = await ggufSource(folder, { step, signal: work.signal });
  const { model, adapter } = source;
  const name = called ?? source.name;
  const plain = name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/(?<=.)-+$/, '');
  const stem = `${plain}${adapter === undefined ? '' : '-lora'}-${type}`;
  const out = path.resolve(named ?? path.join(source.folder, `${stem}.gguf`));
  const modelfile = `${out.replace(/\.gguf$/i, '')}.Modelfile`;
  await refuseExisting(out, overwrite);
  await refuseExisting(modelfile, overwrite);
  if (named === undefined) await makeFolderOf(out);
  const written = await runTask('gguf', { model, adapter, type, out, name, overwrite }, work).catch(async (error: unknown) => {
    // A process that was ended before it could clean up.
    if (work.signal?.aborted === true) await removeUnfinished(out);
    throw error;
  });
  const own = `./${path.basename(out)}`;
  const chat = await runTask('ollamaChat', await chatFolder(model, adapter), work);
  const { stops } = written;
  const notes = [...written.notes, ...chat.notes];
  const about = { stops, notes, template: chat.template };
  // Ollama takes a folder of transformers for a base too, and makes its own GGUF file of it.
  const contents = adapter === undefined ? { model: own, ...about } : { model, adapter: own, ...about };
  await writeModelfile(modelfile, contents, overwrite);
  return { ...written, notes, modelfile };
}

/** An adapter may have been trained with another chat template than its model's, which is in its folder then. */
async function chatFolder(model: string, adapter: string | undefined): Promise<string> {
  if (adapter === undefined) return model;
  const isWhole = await access(path.join(adapter, 'tokenizer.json')).then(
    () => true,
    () => false,
  );
  return isWhole ? adapter : model;
}
