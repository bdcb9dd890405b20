import type * as vscode from 'vscode';

import { isTextMap } from '../../../protocol/form.js';
import { isObject, isText } from '../../../protocol/values.js';
import type { FormStart } from './launch-panel.js';

const KEY = 'launchForms';
/** Forms that VS Code did not bring back after all are forgotten behind so many newer ones. */
const MOST = 8;

/**
 * What is typed into launch forms, kept as it is typed. A page's own state is written only when the window goes down in
 * order, which in a browser it not always does; what an extension keeps is written at once.
 */
export class KeptForms {
  constructor(readonly memento: vscode.Memento) {}

  /** What was typed into a form, or undefined when that is not known. */
  get(id: string): FormStart | undefined {
    const kept = this.#all.get(id);
    if (!isObject(kept)) return undefined;
    const { values, preset, own } = kept;
    return isTextMap(values) && isText(preset) ? { values, preset, own: isObject(own) ? { rate: own['rate'] !== false, preset: own['preset'] !== false } : { rate: true, preset: true } } : undefined;
  }

  async keep(id: string, { values, preset, own }: FormStart): Promise<void> {
    const all = this.#all;
    all.delete(id);
    await this.#write([...all, [id, { values, preset, own }] as const].slice(-MOST));
  }

  /** For a form that was closed. */
  async forget(id: string): Promise<void> {
    const all = this.#all;
    if (all.delete(id)) await this.#write([...all]);
  }

  /** By id, the one changed last at the end. */
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
