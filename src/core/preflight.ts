import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from './errors.js';
import { inspectModel } from './model/index.js';

/** What a run reads beside its dataset. */
export interface RunInputs {
  readonly model: string;
  readonly evalDataset?: string | undefined;
  readonly training: { readonly reference_model: string };
}

/**
 * Looks at everything a run will read, before minutes of tokenising: models whole and of a kind that can be trained, files
 * there and readable.
 *
 * @throws WishboneError for the first thing that is wrong
 */
export async function checkInputs({ model, evalDataset, training }: RunInputs): Promise<void> {
  const { config } = await inspectModel(model);
  if (training.reference_model !== '') {
    const reference = await inspectModel(training.reference_model, { tokenizer: false });
    // Larger ones may differ by padding of the embedding alone.
    const [ours, theirs] = [config.vocabSize, reference.config.vocabSize];
    if (Math.abs(ours - theirs) > 0.05 * Math.max(ours, theirs)) {
      throw new WishboneError(
        `the reference model has ${theirs} tokens, the trained one ${ours}: they cannot read the same text`,
        reference.config.file,
        'use a reference model with the same tokenizer',
      );
    }
  }
  if (evalDataset !== undefined) await checkReadable(path.resolve(evalDataset));
}

async function checkReadable(file: string): Promise<void> {
  try {
    await access(file, constants.R_OK);
    if ((await stat(file)).isDirectory()) throw new Error('it is a folder');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === 'ENOENT' ? 'no such file' : `cannot be read (${message})`;
    throw new WishboneError(what, file, 'check the path of the eval dataset', ExitCode.badInput);
  }
}
