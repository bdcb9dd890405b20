import type * as vscode from 'vscode';

import { isTextMap } from '../../../protocol/form.js';
import { isObject, isText } from '../../../protocol/values.js';
import type { Followed } from '../../draft/following.js';

const KEY = 'launchForms';
/** Number of forms to remember. Older ones, which VS Code did not bring back, are forgotten. */
const MOST = 8;

/**
 * Keeps what is typed into launch forms, as it is typed. A page's own state is only written when the window shuts down in an
 * orderly way, which a browser window does not always do. What an extension keeps is written at once.
 */
export class KeptForms {
  constructor(readonly memento: vscode.Memento) {}

  /** What was typed into a form; undefined if unknown. */
  get(id: string): Followed | undefined {
    const kept = this.#all.get(id);
    if (!isObject(kept)) return undefined;
    const { values, preset, own } = kept;
    return isTextMap(values) && isText(preset)
      ? {
          values,
          preset,
          own: isObject(own) ? { rate: own['rate'] !== false, preset: own['preset'] !== false } : { rate: true, preset: true },
        }
      : undefined;
  }

  async keep(id: string, { values, preset, own }: Followed): Promise<void> {
    const all = this.#all;
    all.delete(id);
    await this.#write([...all, [id, { values, preset, own }] as const].slice(-MOST));
  }

  /** Forgets a form that was closed. */
  async forget(id: string): Promise<void> {
    const all = this.#all;
    if (all.delete(id)) await this.#write([...all]);
  }

  /** By id; the form changed last comes last. */
  get #all(): Map<string, unknown> {
    const stored = this.memento.get<unknown>(KEY);
    return new Map(Array.isArray(stored) ? stored.filter(isEntry) : []);
  }

  async #write(entries: readonly (readonly [string, unknown])[]): Promise<void> {
    await this.memento.update(KEY, entries);
  }
}

function isEntry(value: unknown): value is [string, unknown] {
  return Array.isArray(value) && value.length === 2 && isText(value[0]);
}
