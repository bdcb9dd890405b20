import { totalmem } from 'node:os';
import { type Answer, type Argument, type Client, type Limits, type Method, readingEnded, startReading } from '../transport/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { TableListener } from './dataset-table.js';
import type { TableCalls, TableEvents, TableSource, TableState } from './messages.js';

/** As much as the process has that counts tokens, which this one starts, or half of the machine. */
const LIMITS: Limits = { memory: Math.max(2.5 * 2 ** 30, totalmem() / 2), busy: 60 };

/** A `DatasetTable` in a process of its own: a dataset may come from anywhere, and nothing of it is held where VS Code works. */
export class TableProcess {
  readonly #client: Client<TableCalls, TableEvents>;
  readonly #file: string;

  /** @param onEnd the process has ended early; why */
  private constructor(file: string, { onState, onFound }: TableListener, onEnd: (error: unknown) => void, bundle?: string) {
    this.#file = file;
    const listener = {
      events: { state: onState, found: onFound },
      onFault: onEnd,
      onEnd: (error: Error) => onEnd(readingEnded(error, [file])),
    };
    this.#client = startReading<TableCalls, TableEvents>('dataset-table', LIMITS, listener, bundle);
  }

  /**
   * @param onEnd the process has ended early; why
   * @throws WishboneError as `DatasetTable.open`
   */
  static async open(
    source: TableSource,
    listener: TableListener,
    onEnd: (error: unknown) => void,
    bundle?: string,
  ): Promise<{ readonly table: TableProcess; readonly state: TableState }> {
    const table = new TableProcess(source.file, listener, onEnd, bundle);
    try {
      return { table, state: await table.ask('open', source) };
    } catch (error) {
      table.close();
      throw error;
    }
  }

  /** @throws WishboneError when the answer is that something outside is wrong */
  async ask<M extends Method<TableCalls>>(
    method: M,
    argument: Argument<TableCalls, M>,
    work?: WorkOptions,
  ): Promise<Answer<TableCalls, M>> {
    try {
      return await this.#client.call(method, argument, work);
    } catch (error) {
      throw readingEnded(error, [this.#file]);
    }
  }

  close(): void {
    void this.#client.end(new Error('the table was closed'));
  }
}
