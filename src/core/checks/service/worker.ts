import { ExitCode, WishboneError } from '../../errors.js';
import {
  type Argument,
  Client,
  LeftAlone,
  type Limits,
  type Method,
  type OwnedChannel,
  readingEnded,
  startProcess,
  workerBundle,
} from '../../transport/index.js';
import type { FileReport } from '../file-checker.js';
import type { RowTokens } from '../row-tokens.js';
import type { CheckCalls, CheckEvents, CheckOptions, DocumentReport, Place, Trouble } from './messages.js';

/** What the worker reports on its own. */
export interface CheckListener {
  readonly onReport: (id: number, report: DocumentReport) => void;
  /** The document has to be opened again. */
  readonly onOutOfStep: (id: number) => void;
  readonly onFileReport: (id: number, report: FileReport) => void;
  readonly onFileTrouble: (id: number, error: WishboneError) => void;
  /** A document that has ended the checks: it is not checked again before it changes. */
  readonly onLeftAlone: (id: number, error: WishboneError) => void;
  /** A fault of ours; when the worker has ended by it, all documents have to be opened again. */
  readonly onFault: (error: Error, hasEnded: boolean) => void;
}

const MOST_FAILURES = 3;

interface Told {
  readonly id: number;
  readonly version?: number;
  readonly file?: string;
  readonly options?: CheckOptions;
}

/** Documents of 50 MB, tokenizers of hundreds, and the engine for templates, which has limits of its own. */
const LIMITS: Limits = { memory: 2.5 * 2 ** 30, busy: 15 };

/**
 * The process that checks documents: what a text, a tokenizer or a chat template does to whoever reads it, it does to that
 * process alone. It is started when it is first needed, and again after it has ended. A document or model that ended it is
 * named and left alone until it changes; a document goes on without its model.
 */
export class CheckWorker {
  readonly #listener: CheckListener;
  readonly #bundle: string | undefined;
  readonly #limits: Limits;
  readonly #models = new LeftAlone();
  /** Versions of documents that ended the process. */
  readonly #documents = new Map<number, { readonly version: number; readonly error: WishboneError }>();
  readonly #versions = new Map<number, number>();
  /** The same of files that are checked from disk. */
  readonly #leftFiles = new LeftAlone();
  readonly #files = new Map<number, string>();
  /** Models that documents are to be checked with. */
  readonly #wanted = new Map<number, string | undefined>();
  #client: Client<CheckCalls, CheckEvents> | undefined;
  #channel: OwnedChannel | undefined;
  #place: Place | undefined;
  /** Times in a row that the process ended before it looked at anything. */
  #failures = 0;

  /** @param bundle of `src/workers/checks.ts`; by default the one beside this bundle */
  constructor(listener: CheckListener, bundle = workerBundle('checks'), own: Limits = LIMITS) {
    this.#listener = listener;
    this.#bundle = bundle;
    this.#limits = own;
  }

  tell<M extends Exclude<Method<CheckCalls>, 'tokens'>>(method: M, argument: Argument<CheckCalls, M>): void {
    const { id, version, file, options } = argument as Told;
    if (method === 'close') for (const known of [this.#documents, this.#versions, this.#files, this.#wanted]) known.delete(id);
    if (version !== undefined) this.#versions.set(id, version);
    if (method === 'file' && file !== undefined) this.#files.set(id, file);
    const known = method === 'file' && file !== undefined ? this.#leftFiles.problem([file]) : this.#left(id, method === 'open');
    if (known !== undefined) return this.#listener.onLeftAlone(id, known);
    if (options === undefined) return this.#running().tell(method, argument);
    this.#wanted.set(id, options.model);
    const model = options.model !== undefined && this.#models.problem([options.model]) === undefined ? options.model : undefined;
    this.#running().tell(method, { ...(argument as object), options: { ...options, model } } as typeof argument);
  }

  /**
   * The tokens of rows, by their JSON text; undefined for a row that cannot be trained on.
   *
   * @throws WishboneError when the model folder cannot be used
   */
  async tokens(model: string, maxLength: number, rows: readonly string[]): Promise<readonly (RowTokens | undefined)[]> {
    const known = this.#models.problem([model]);
    if (known !== undefined) throw known;
    const client = this.#running();
    const channel = this.#channel;
    channel?.keepAlive(true);
    try {
      return await client.call('tokens', { model, maxLength, rows });
    } catch (error) {
      throw readingEnded(error, [model]);
    } finally {
      if (client.waiting === 0) channel?.keepAlive(false);
    }
  }

  async dispose(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end(new Error('the checks have ended'));
  }

  /** What is known against a document. Another version, opened anew, is another text. */
  #left(id: number, isOpened: boolean): WishboneError | undefined {
    const known = this.#documents.get(id);
    if (known === undefined || !isOpened || known.version === this.#versions.get(id)) return known?.error;
    this.#documents.delete(id);
    return undefined;
  }

  #running(): Client<CheckCalls, CheckEvents> {
    if (this.#client !== undefined) return this.#client;
    if (this.#bundle === undefined) throw new Error('there is no bundle of src/workers/checks.ts');
    const listener = this.#listener;
    const channel = startProcess(this.#bundle, { limits: this.#limits });
    this.#channel = channel;
    this.#place = undefined;
    this.#client = new Client<CheckCalls, CheckEvents>(channel, {
      events: {
        at: (place) => {
          this.#place = place;
          this.#failures = 0;
        },
        report: ({ id, report }) => listener.onReport(id, this.#withTrouble(id, report)),
        outOfStep: ({ id }) => listener.onOutOfStep(id),
        fileReport: ({ id, report }) => listener.onFileReport(id, report),
        fileTrouble: ({ id, trouble }) => listener.onFileTrouble(id, errorOf(trouble)),
      },
      onFault: (error) => listener.onFault(error, false),
      onEnd: (error) => {
        this.#client = undefined;
        if (this.#place === undefined) this.#failures++;
        this.#blame(error);
        // One that cannot even begin is not begun again and again.
        listener.onFault(error, this.#failures < MOST_FAILURES);
      },
    });
    // It must not keep a process alive that has nothing else to do.
    channel.keepAlive(false);
    return this.#client;
  }

  /** A model that is left alone is none that the process was told of. */
  #withTrouble(id: number, report: DocumentReport): DocumentReport {
    const model = this.#wanted.get(id);
    const problem = model === undefined ? undefined : this.#models.problem([model]);
    return problem === undefined
      ? report
      : { ...report, modelTrouble: { what: problem.what, where: problem.where, advice: problem.advice } };
  }

  #blame(error: Error): void {
    const { id, model } = this.#place ?? { id: undefined, model: undefined };
    if (model !== undefined) {
      const ended = readingEnded(error, [model]);
      if (ended instanceof WishboneError) this.#models.note([model], ended);
    } else if (id !== undefined) {
      const file = this.#files.get(id);
      const ended = readingEnded(error, [file ?? 'this document']);
      if (!(ended instanceof WishboneError)) return;
      if (file === undefined) this.#documents.set(id, { version: this.#versions.get(id) ?? 0, error: ended });
      else this.#leftFiles.note([file], ended);
    }
  }
}

export function errorOf({ what, where, advice }: Trouble): WishboneError {
  return new WishboneError(what, where, advice, ExitCode.badInput);
}
