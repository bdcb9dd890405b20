import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cannotWrite } from '../files/atomic-file.js';
import { refuseExisting } from './write.js';

/** What Ollama needs to know beside the GGUF file. */
export interface ModelfileContents {
  /** The GGUF file of the model. */
  readonly model: string;
  /** The GGUF file of an adapter that is laid over it. */
  readonly adapter?: string | undefined;
  /** Texts that end a response. */
  readonly stops: readonly string[];
  /** Ollama's form of the chat template; undefined: it may know the one in the GGUF file by its text. */
  readonly template?: string | undefined;
  readonly notes: readonly string[];
}

/** The text of a Modelfile; paths are relative to its folder. */
function modelfileText({ model, adapter, stops, template, notes }: ModelfileContents): string {
  const lines = [
    ...notes.map((note) => `# ${note}`),
    `FROM ${model}`,
    ...(adapter === undefined ? [] : [`ADAPTER ${adapter}`]),
    ...(template === undefined ? [] : [`TEMPLATE """${template}"""`]),
    ...stops.map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Writes a Modelfile. @throws WishboneError (exit code 5) when there is one already that is not to be replaced, or it cannot be written
 */
export async function writeModelfile(file: string, contents: ModelfileContents, overwrite: boolean): Promise<void> {
  await refuseExisting(file, overwrite);
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeFile(temporary, modelfileText(contents), { flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw cannotWrite(file, error);
  }
}
