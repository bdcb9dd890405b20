import { RowTokenizer } from './row-tokens.js';

/** Loads tokenizers, and keeps the one used last: each may take hundreds of megabytes. */
export class TokenizerShelf {
  #folder: string | undefined;
  #loading: Promise<RowTokenizer> | undefined;

  /** @throws WishboneError naming the file that is missing or damaged */
  load(folder: string): Promise<RowTokenizer> {
    if (this.#folder === folder && this.#loading !== undefined) return this.#loading;
    this.#folder = folder;
    const loading = RowTokenizer.load(folder);
    this.#loading = loading;
    // Whoever asks again after a failure may have put the folder right.
    loading.catch(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    return loading;
  }
}
