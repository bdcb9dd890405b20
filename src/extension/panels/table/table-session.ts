import { type TableListener, TableProcess, type TableSource, type TableState } from '../../../core/dataset-table/index.js';

export interface SessionListener extends TableListener {
  /** It has ended early; why. */
  readonly onEnd: (error: unknown) => void;
}

/** A table that is opened once, again when its file has changed, and asked meanwhile. */
export class TableSession {
  #opening: Promise<TableProcess> | undefined;
  #generation = 0;
  #isClosed = false;
  readonly #listener: SessionListener;

  constructor(listener: SessionListener) {
    this.#listener = listener;
  }

  /**
   * Opens the table, in place of the one before and in the same process.
   *
   * @throws WishboneError when it cannot be read
   */
  async open(source: TableSource): Promise<TableState | undefined> {
    const generation = ++this.#generation;
    const before = await this.#opening?.catch(() => undefined);
    if (generation !== this.#generation) return undefined;
    const state = before === undefined ? await this.#start(source) : await before.ask('open', source);
    return generation === this.#generation ? state : undefined;
  }

  async #start(source: TableSource): Promise<TableState> {
    const opened = TableProcess.open(source, this.#listener, (error) => {
      this.#opening = undefined;
      if (!this.#isClosed) this.#listener.onEnd(error);
    });
    const opening = opened.then(({ table }) => table);
    this.#opening = opening;
    try {
      return (await opened).state;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  /** The table, once it is open. @throws WishboneError why it is not */
  get table(): Promise<TableProcess> {
    return this.#opening ?? Promise.reject(new Error('no table is open'));
  }

  close(): void {
    this.#isClosed = true;
    this.#generation++;
    this.#opening?.then(
      (table) => table.close(),
      () => undefined,
    );
    this.#opening = undefined;
  }
}
