import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WishboneError } from '../../errors.js';
import { checkFile } from '../file-checker.js';
import { CheckedDocument } from './document.js';
import type { CheckOptions, CheckRequest, CheckResponse } from './messages.js';
import { OtherFiles } from './other-files.js';
import { TokenizerShelf, TokenSource, troubleOf } from './token-source.js';

/** Rows of a large file that are told of before other files are looked at. */
const firstRows = 200;

/** The worker's side: documents and files under check, each by its number. */
export class CheckService {
  private readonly documents = new Map<number, CheckedDocument>();
  private readonly files = new Map<number, AbortController>();
  private readonly tokenizers = new TokenizerShelf();
  private readonly others = new OtherFiles();
  private tokens: TokenSource | undefined;

  /** @param manners of work that takes more than a moment */
  constructor(
    private readonly send: (response: CheckResponse) => void,
    private readonly manners: Record<'begin' | 'pause', () => Promise<void>> = { begin: nextTurn, pause: nextTurn },
  ) {}

  /** Never throws: what goes wrong is sent. */
  receive(request: CheckRequest): void {
    this.handle(request).catch((error: unknown) => {
      const fault = error instanceof Error ? error : new Error(String(error));
      this.send({ type: 'fault', message: fault.message, stack: fault.stack ?? '' });
    });
  }

  private async handle(request: CheckRequest): Promise<void> {
    switch (request.type) {
      case 'open': {
        const { id, text, version, file, isJsonFile, options } = request;
        this.close(id);
        const shared = { tokenizers: this.tokenizers, others: this.others };
        const document = new CheckedDocument(text, version, file, isJsonFile, options, shared, (report) =>
          this.send({ type: 'report', id, report }),
        );
        this.documents.set(id, document);
        return document.check();
      }
      case 'edit':
        return this.documents.get(request.id)?.edit(request.version, request.edits);
      case 'check': {
        const document = this.documents.get(request.id);
        if (document !== undefined && document.length !== request.length) {
          return this.send({ type: 'outOfStep', id: request.id });
        }
        return document?.check();
      }
      case 'options':
        this.documents.get(request.id)?.setOptions(request.options);
        return this.documents.get(request.id)?.check();
      case 'saved':
        this.documents.get(request.id)?.saved();
        return this.documents.get(request.id)?.check();
      case 'file':
        return this.checkFile(request.id, request.file, request.options);
      case 'close':
        return this.close(request.id);
      case 'tokens':
        return this.countTokens(request);
    }
  }

  private close(id: number): void {
    this.documents.get(id)?.close();
    this.documents.delete(id);
    this.files.get(id)?.abort();
    this.files.delete(id);
  }

  private async checkFile(id: number, file: string, { evalFiles }: CheckOptions): Promise<void> {
    this.close(id);
    const abort = new AbortController();
    this.files.set(id, abort);
    const { signal } = abort;
    try {
      for await (const report of checkFile(file, { signal, mostRows: firstRows })) {
        this.send({ type: 'fileReport', id, report: { ...report, isDone: false } });
      }
      await this.manners.begin();
      const prompts = await this.others.prompts(file, evalFiles);
      const around = { prompts };
      for await (const report of checkFile(file, { signal, around, pause: () => this.manners.pause() })) {
        this.send({ type: 'fileReport', id, report });
      }
    } catch (error) {
      if (signal.aborted) return;
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      const what = `cannot read ${path.basename(file)} (${(error as Error).message})`;
      this.send({ type: 'fileTrouble', id, trouble: { what, where: file, advice: 'check the file and its disk' } });
    }
  }

  private async countTokens({ request, model, maxLength, rows }: CheckRequest & { type: 'tokens' }): Promise<void> {
    try {
      const tokenizer = await this.tokenizers.load(model);
      const longest = Math.min(maxLength, tokenizer.maxPositions ?? Infinity);
      if (this.tokens?.tokenizer !== tokenizer || this.tokens.maxLength !== longest) {
        this.tokens = new TokenSource(tokenizer, longest);
      }
      const { tokens } = this;
      this.send({ type: 'tokens', request, rows: rows.map((row) => tokens.row(row)) });
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      this.send({ type: 'tokenTrouble', request, trouble: troubleOf(error) });
    }
  }
}
