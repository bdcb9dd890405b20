import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Argument, type Channel, type Handlers, serve, type Teller } from '../../transport/index.js';
import { checkFile } from '../file-checker.js';
import type { RowTokens } from '../row-tokens.js';
import { CheckedDocument } from './document.js';
import type { CheckCalls, CheckEvents, CheckOptions, Place } from './messages.js';
import { OtherFiles } from './other-files.js';
import { TokenizerShelf } from '../tokenizer-shelf.js';
import { TokenSource } from './token-source.js';

/** Number of rows of a large file to report before looking at other files. */
const FIRST_ROWS = 200;

/** How long work behaves: what it awaits before it begins and between slices. */
export type Manners = Record<'begin' | 'pause', () => Promise<void>>;

const PLAIN: Manners = { begin: nextTurn, pause: nextTurn };

/** Serves {@link CheckCalls} for documents and files, each known by its number. */
export function serveChecks(channel: Channel, manners = PLAIN): void {
  const teller: Teller<CheckEvents> = serve<CheckCalls, CheckEvents>(
    channel,
    new CheckService((name, value) => teller.tell(name, value), manners).handlers,
  );
}

class CheckService {
  readonly #tell: Teller<CheckEvents>['tell'];
  readonly #manners: Manners;
  readonly #documents = new Map<number, CheckedDocument>();
  readonly #files = new Map<number, AbortController>();
  readonly #tokenizers = new TokenizerShelf();
  readonly #others = new OtherFiles();
  #tokens: TokenSource | undefined;
  #place: Place | undefined;

  readonly handlers: Handlers<CheckCalls> = {
    open: (document) => this.#open(document),
    edit: ({ id, version, edits }) => this.#documents.get(id)?.edit(version, edits),
    check: ({ id, length }) => {
      const document = this.#documents.get(id);
      if (document !== undefined && document.length !== length) return this.#tell('outOfStep', { id });
      return document?.check();
    },
    options: ({ id, options }) => {
      this.#documents.get(id)?.setOptions(options);
      return this.#documents.get(id)?.check();
    },
    saved: ({ id }) => {
      this.#documents.get(id)?.saved();
      return this.#documents.get(id)?.check();
    },
    file: ({ id, file, options }) => this.#checkFile(id, file, options),
    close: ({ id }) => this.#close(id),
    tokens: (asked) => this.#countTokens(asked),
  };

  constructor(tell: Teller<CheckEvents>['tell'], manners: Manners) {
    this.#tell = tell;
    this.#manners = manners;
  }

  #open({ id, text, version, file, isJsonFile, options }: Argument<CheckCalls, 'open'>): Promise<void> {
    this.#close(id);
    const shared = { tokenizers: this.#tokenizers, others: this.#others };
    const document = new CheckedDocument(text, version, file, isJsonFile, options, shared, {
      report: (report) => this.#tell('report', { id, report }),
      at: (model) => this.#at(id, model),
    });
    this.#documents.set(id, document);
    return document.check();
  }

  #at(id: number | undefined, model: string | undefined): void {
    const before = this.#place;
    if (before !== undefined && before.id === id && before.model === model) return;
    const place = { id, model };
    this.#place = place;
    this.#tell('at', place);
  }

  #close(id: number): void {
    this.#documents.get(id)?.close();
    this.#documents.delete(id);
    this.#files.get(id)?.abort();
    this.#files.delete(id);
  }

  async #checkFile(id: number, file: string, { evalFiles }: CheckOptions): Promise<void> {
    this.#close(id);
    const abort = new AbortController();
    this.#files.set(id, abort);
    const at = (): void => this.#at(id, undefined);
    at();
    const { signal } = abort;
    try {
      for await (const report of checkFile(file, { signal, mostRows: FIRST_ROWS })) {
        this.#tell('fileReport', { id, report: { ...report, isDone: false } });
        at();
      }
      await this.#manners.begin();
      const prompts = await this.#others.prompts(file, evalFiles);
      const around = { prompts };
      const pause = async (): Promise<void> => {
        await this.#manners.pause();
        at();
      };
      for await (const report of checkFile(file, { signal, around, pause })) {
        this.#tell('fileReport', { id, report });
      }
    } catch (error) {
      if (signal.aborted) return;
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      const what = `cannot read ${path.basename(file)} (${(error as Error).message})`;
      this.#tell('fileTrouble', { id, trouble: { what, where: file, advice: 'check the file and its disk' } });
    }
  }

  /** @throws WishboneError when the model folder cannot be used */
  async #countTokens({ model, maxLength, rows }: Argument<CheckCalls, 'tokens'>): Promise<(RowTokens | undefined)[]> {
    this.#at(undefined, model);
    const tokenizer = await this.#tokenizers.load(model);
    this.#at(undefined, model);
    const longest = Math.min(maxLength, tokenizer.maxPositions ?? Infinity);
    if (this.#tokens?.tokenizer !== tokenizer || this.#tokens.maxLength !== longest) {
      this.#tokens = new TokenSource(tokenizer, longest);
    }
    return this.#tokens.rows(rows);
  }
}
