import { stat } from 'node:fs/promises';

import * as vscode from 'vscode';

import { type PlanInfo, PlanInspector, type PlanSource, sourceKey } from '../../../core/inspect/index.js';
import type { Progress, WorkOptions } from '../../../core/work/progress.js';

/** A plan that stays open as long as somebody uses it. */
export interface PlanUse extends vscode.Disposable {
  readonly inspector: PlanInspector;
  readonly info: PlanInfo;
}

interface Session {
  readonly abort: AbortController;
  readonly progress: vscode.EventEmitter<Progress>;
  readonly opening: ReturnType<typeof PlanInspector.open>;
  users: number;
}

/** The plans open in this window. Panels that show the same plan share it and its thread. */
export class PlanSessions implements vscode.Disposable {
  readonly #sessions = new Map<string, Session>();

  dispose(): void {
    for (const session of this.#sessions.values()) close(session);
    this.#sessions.clear();
  }

  /**
   * Opens a plan, or shares one that is already open.
   *
   * @throws WishboneError when there is no plan to look at; the signal's reason when it was aborted
   */
  async use(source: PlanSource, { onProgress, signal }: WorkOptions): Promise<PlanUse> {
    const key = await currentKey(source);
    signal?.throwIfAborted();
    let session = this.#sessions.get(key);
    if (session === undefined) {
      const abort = new AbortController();
      const progress = new vscode.EventEmitter<Progress>();
      const opening = PlanInspector.open(source, { signal: abort.signal, onProgress: (now) => progress.fire(now) });
      session = { abort, progress, opening, users: 0 };
      this.#sessions.set(key, session);
    }
    const used = session;
    used.users++;
    let ended = false;
    const release = (): void => {
      if (ended) return;
      ended = true;
      if (--used.users > 0) return;
      if (this.#sessions.get(key) === used) this.#sessions.delete(key);
      close(used);
    };
    const listening = used.progress.event((now) => onProgress?.(now));
    try {
      const { inspector, info } = await Promise.race([used.opening, aborted(signal)]);
      return { inspector, info, dispose: release };
    } catch (error) {
      release();
      throw error;
    } finally {
      listening.dispose();
    }
  }
}

function close({ abort, progress, opening }: Session): void {
  abort.abort();
  progress.dispose();
  opening.then(
    ({ inspector }) => inspector.close(),
    () => undefined,
  );
}

/** Rejects with the signal's reason when it aborts; never resolves. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** A plan made from a dataset is a different plan once the file has changed. */
async function currentKey(source: PlanSource): Promise<string> {
  if (source.kind === 'run') return sourceKey(source);
  const info = await stat(source.dataset).catch(() => undefined);
  return `${sourceKey(source)} ${info?.size} ${info?.mtimeMs}`;
}
