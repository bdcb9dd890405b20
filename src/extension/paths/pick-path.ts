import * as vscode from 'vscode';

import { type CachedRepository, originOf } from '../../core/hub/index.js';
import { type Choice, type Picked, pickFrom } from './pick-list.js';

/** What the last entry of a list of paths means: look for another one. */
const BROWSE = Symbol('browse');

export const BROWSE_CHOICE = { label: '$(folder-opened) Browse…', value: BROWSE, alwaysShow: true } as const;

/** Heading of what is there. */
export const IN_CACHE = 'in the Hugging Face cache';

export interface PickOptions {
  readonly title?: string;
  /** Whether an id of the hub will do; else it is always a path. */
  readonly hub?: boolean;
}

/** A repository of the cache by its id. */
export function cachedChoice({ name, revision, folder }: CachedRepository, icon: string): Choice<string> {
  const id = revision === 'main' ? name : `${name}@${revision}`;
  return { label: `$(${icon}) ${id}`, description: originOf(folder)?.commit.slice(0, 12) ?? '', value: id };
}

export type PathChoice = Choice<string | typeof BROWSE>;
export type ShowPaths = (choices: readonly PathChoice[]) => void;

export interface PathListOptions {
  readonly title: string;
  readonly placeholder: string;
  /** As `ListOptions.fill` of pick-list.ts. */
  readonly fill: (show: ShowPaths, signal: AbortSignal) => Promise<void> | void;
  /** As `ListOptions.search`. */
  readonly search?: ((text: string, signal: AbortSignal) => Promise<readonly PathChoice[]>) | undefined;
  readonly dialog: vscode.OpenDialogOptions;
}

/** Asks for a path from a list that ends with {@link BROWSE}; a dialog that is closed leads back to the list. */
export async function pickPath({ dialog, ...list }: PathListOptions): Promise<Picked<string>> {
  for (;;) {
    const picked = await pickFrom<string | typeof BROWSE>(list);
    if (typeof picked === 'string') return picked;
    if (picked.value !== BROWSE) return { value: picked.value };
    const browsed = await vscode.window.showOpenDialog({ openLabel: 'Choose', ...dialog });
    if (browsed?.[0] !== undefined) return { value: browsed[0].fsPath };
  }
}
