import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { WishboneError } from '../../errors.js';
import type { FileReport } from '../file-checker.js';
import type { RowTokens } from '../row-tokens.js';
import type { CheckRequest, CheckResponse, DocumentReport, Trouble } from './messages.js';

/** What the worker tells without being asked anew. */
export interface CheckListener {
  readonly onReport: (id: number, report: DocumentReport) => void;
  /** The document has to be opened again. */
  readonly onOutOfStep: (id: number) => void;
  readonly onFileReport: (id: number, report: FileReport) => void;
  readonly onFileTrouble: (id: number, error: WishboneError) => void;
  /** A fault of ours; when the worker has ended by it, all documents have to be opened again. */
  readonly onFault: (error: Error, hasEnded: boolean) => void;
}

interface Waiting {
  readonly resolve: (rows: readonly (RowTokens | undefined)[]) => void;
  readonly reject: (error: Error) => void;
}

/** The thread that checks documents. It is started when it is first needed, and again after it has ended by a fault. */
export class CheckWorker {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private requests = 0;

  /** @param file the bundled `src/workers/checks.ts`; by default `workers/checks.js` beside this bundle */
  constructor(
    private readonly listener: CheckListener,
    private readonly file = path.join(__dirname, 'workers', 'checks.js'),
  ) {}

  post(request: CheckRequest): void {
    this.running().postMessage(request);
  }

  /**
   * The tokens of rows, by their JSON text; undefined for a row that cannot be trained on.
   *
   * @throws WishboneError when the model folder cannot be used
   */
  tokens(model: string, maxLength: number, rows: readonly string[]): Promise<readonly (RowTokens | undefined)[]> {
    const request = ++this.requests;
    return new Promise((resolve, reject) => {
      this.waiting.set(request, { resolve, reject });
      this.post({ type: 'tokens', request, model, maxLength, rows });
    });
  }

  async dispose(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    this.giveUp(new Error('the checks have ended'));
    await worker?.terminate();
  }

  private running(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = new Worker(this.file);
    this.worker = worker;
    worker.on('message', (response: CheckResponse) => this.receive(response));
    worker.on('error', (error) => this.ended(worker, error));
    worker.on('exit', (code) => this.ended(worker, new Error(`the thread of the checks ended with code ${code}`)));
    // It must not keep a process alive that has nothing else to do.
    worker.unref();
    return worker;
  }

  private ended(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.giveUp(error);
    this.listener.onFault(error, true);
  }

  private giveUp(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private receive(response: CheckResponse): void {
    switch (response.type) {
      case 'report':
        return this.listener.onReport(response.id, response.report);
      case 'outOfStep':
        return this.listener.onOutOfStep(response.id);
      case 'fileReport':
        return this.listener.onFileReport(response.id, response.report);
      case 'fileTrouble':
        return this.listener.onFileTrouble(response.id, errorOf(response.trouble));
      case 'tokens':
      case 'tokenTrouble': {
        const waiting = this.waiting.get(response.request);
        this.waiting.delete(response.request);
        if (response.type === 'tokens') waiting?.resolve(response.rows);
        else waiting?.reject(errorOf(response.trouble));
        return undefined;
      }
      case 'fault':
        return this.listener.onFault(Object.assign(new Error(response.message), { stack: response.stack }), false);
    }
  }
}

export function errorOf({ what, where, advice }: Trouble): WishboneError {
  return new WishboneError(what, where, advice);
}
