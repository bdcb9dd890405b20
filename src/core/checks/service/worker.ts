import { WishboneError } from '../../errors.js';
import { type Argument, Client, type Method, startThread } from '../../transport/index.js';
import type { FileReport } from '../file-checker.js';
import type { RowTokens } from '../row-tokens.js';
import type { CheckCalls, CheckEvents, DocumentReport, Trouble } from './messages.js';

/** What the worker reports on its own. */
export interface CheckListener {
  readonly onReport: (id: number, report: DocumentReport) => void;
  /** The document has to be opened again. */
  readonly onOutOfStep: (id: number) => void;
  readonly onFileReport: (id: number, report: FileReport) => void;
  readonly onFileTrouble: (id: number, error: WishboneError) => void;
  /** A bug. If it ended the worker, all documents have to be opened again. */
  readonly onFault: (error: Error, hasEnded: boolean) => void;
}

/** The thread that checks documents. It starts when first needed, and again after a crash. */
export class CheckWorker {
  readonly #listener: CheckListener;
  #client: Client<CheckCalls, CheckEvents> | undefined;

  constructor(listener: CheckListener) {
    this.#listener = listener;
  }

  tell<M extends Exclude<Method<CheckCalls>, 'tokens'>>(method: M, argument: Argument<CheckCalls, M>): void {
    this.#running().tell(method, argument);
  }

  /**
   * The tokens of rows, by their JSON text; undefined for a row that cannot be trained on.
   *
   * @throws WishboneError when the model folder cannot be used
   */
  tokens(model: string, maxLength: number, rows: readonly string[]): Promise<readonly (RowTokens | undefined)[]> {
    return this.#running().call('tokens', { model, maxLength, rows });
  }

  async dispose(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end(new Error('the checks have ended'));
  }

  #running(): Client<CheckCalls, CheckEvents> {
    if (this.#client !== undefined) return this.#client;
    const listener = this.#listener;
    const thread = startThread('checks');
    this.#client = new Client<CheckCalls, CheckEvents>(thread, {
      events: {
        report: ({ id, report }) => listener.onReport(id, report),
        outOfStep: ({ id }) => listener.onOutOfStep(id),
        fileReport: ({ id, report }) => listener.onFileReport(id, report),
        fileTrouble: ({ id, trouble }) => listener.onFileTrouble(id, errorOf(trouble)),
      },
      onFault: (error) => listener.onFault(error, false),
      onEnd: (error) => {
        this.#client = undefined;
        listener.onFault(error, true);
      },
    });
    // It must not keep an otherwise idle process alive.
    thread.keepAlive(false);
    return this.#client;
  }
}

export function errorOf({ what, where, advice }: Trouble): WishboneError {
  return new WishboneError(what, where, advice);
}
