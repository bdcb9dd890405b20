import type * as vscode from 'vscode';

import { readTried, type Tried } from '../../../protocol/try.js';

/** Number of prompts to keep for each run. */
const MOST = 30;

const key = (folder: string): string => `tried:${folder}`;

/** The prompts tried on each run of a workspace, newest first. */
export class KeptTries {
  constructor(readonly memento: vscode.Memento) {}

  of(folder: string): Tried[] {
    // What was in progress when the window closed no longer is.
    return readTried(this.memento.get<unknown>(key(folder))).map((tried) =>
      tried.state === 'policy' || tried.state === 'reference' ? { ...tried, state: 'cancelled' } : tried,
    );
  }

  async keep(folder: string, tried: readonly Tried[]): Promise<void> {
    await this.memento.update(key(folder), tried.length === 0 ? undefined : tried.slice(0, MOST));
  }
}
