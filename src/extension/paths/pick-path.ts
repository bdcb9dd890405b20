import * as vscode from 'vscode';
import { type Choice, type Picked, pickFrom } from './pick-list.js';

/** What the last entry of a list of paths means: look for another one. */
export const BROWSE = Symbol('browse');

export type PathChoice = Choice<string | typeof BROWSE>;
export type ShowPaths = (choices: readonly PathChoice[]) => void;

export interface PathListOptions {
  readonly title: string;
  readonly placeholder: string;
  /** As `ListOptions.fill` of pick-list.ts. */
  readonly fill: (show: ShowPaths, signal: AbortSignal) => Promise<void> | void;
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
