import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { otherSide, type PromptIndex, readPrompts, splitOf } from '../leakage.js';

/** Larger files are not read for their prompts: it would take minutes. */
const LARGEST = 256 * 2 ** 20;

/** Prompts of the files on the other side of a split, each read once for as long as it does not change. */
export class OtherFiles {
  readonly #known = new Map<string, { readonly stamp: string; readonly index: Promise<PromptIndex> }>();

  /**
   * @param file the file that is checked
   * @param evalFiles files for evaluation; undefined: the other side is told by names in the same folder
   */
  async prompts(file: string, evalFiles: readonly string[] | undefined): Promise<PromptIndex[]> {
    const others = evalFiles === undefined ? await besides(file) : evalFiles.includes(file) ? [] : evalFiles;
    const found = await Promise.all(others.map((other) => this.#index(other, evalFiles !== undefined)));
    return found.filter((index) => index !== undefined);
  }

  /** Undefined for a file that cannot be read: whoever opens it is told. */
  async #index(file: string, isEval: boolean): Promise<PromptIndex | undefined> {
    try {
      const { mtimeMs, size } = await stat(file);
      if (size > LARGEST) return undefined;
      const stamp = `${mtimeMs} ${size}`;
      const known = this.#known.get(file);
      if (known?.stamp === stamp) return await known.index;
      const index = readPrompts(file, isEval ? 'eval' : splitOf(path.basename(file)).role);
      this.#known.set(file, { stamp, index });
      return await index;
    } catch (error) {
      this.#known.delete(file);
      if ((error as NodeJS.ErrnoException).code !== undefined) return undefined;
      throw error;
    }
  }
}

async function besides(file: string): Promise<string[]> {
  const folder = path.dirname(file);
  const names = await readdir(folder).catch(() => []);
  return otherSide(path.basename(file), names).map((name) => path.join(folder, name));
}
