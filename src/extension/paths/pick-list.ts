import { setTimeout as sleep } from 'node:timers/promises';

import * as vscode from 'vscode';

/** One thing to pick; a separator has no value. */
export interface Choice<T> extends vscode.QuickPickItem {
  readonly value?: T;
}

export interface ListOptions<T> {
  readonly title: string;
  readonly placeholder: string;
  /** Called at once with a function that shows items, and again as more are found. Aborted when the list closes. */
  readonly fill: (show: (choices: readonly Choice<T>[]) => void, signal: AbortSignal) => Promise<void> | void;
  /** What else there is for a text that was typed; shown below. Aborted when another is typed, or the list closes. */
  readonly search?: ((text: string, signal: AbortSignal) => Promise<readonly Choice<T>[]>) | undefined;
}

/** Milliseconds of quiet before a text is searched for. */
const TYPING = 300;

/** The outcome of a list: a value, or that the user cancelled. */
export type Picked<T> = { readonly value: T } | 'cancel';

/** Shows a list that fills up while it is open, and waits for a choice. */
export async function pickFrom<T>(options: ListOptions<T>): Promise<Picked<T>> {
  const list = vscode.window.createQuickPick<Choice<T>>();
  const closed = new AbortController();
  try {
    list.title = options.title;
    list.placeholder = options.placeholder;
    list.matchOnDescription = true;
    list.matchOnDetail = true;
    // Switching to another window must not cancel a half-made decision.
    list.ignoreFocusOut = true;
    list.keepScrollPosition = true;
    const result = new Promise<Picked<T>>((resolve) => {
      list.onDidAccept(() => {
        const value = list.selectedItems[0]?.value;
        if (value !== undefined) resolve({ value });
      });
      list.onDidHide(() => resolve('cancel'));
    });
    // The item that this code made active, as opposed to the user.
    let proposed: T | undefined;
    let [filled, found]: (readonly Choice<T>[])[] = [[], []];
    const show = (choices: readonly Choice<T>[]): void => {
      filled = choices;
      draw();
    };
    const draw = (): void => {
      const listed = new Set((filled ?? []).map(({ value }) => value));
      const more = (found ?? []).filter(({ value }) => value === undefined || !listed.has(value));
      put([...(filled ?? []), ...more]);
    };
    const put = (choices: readonly Choice<T>[]): void => {
      if (closed.signal.aborted) return;
      const active = list.activeItems[0]?.value;
      const values = choices.flatMap(({ value }) => (value === undefined ? [] : [value]));
      // Items that arrive later must not move the user's selection.
      const stays = active !== undefined && active !== proposed && values.includes(active);
      const next = stays ? active : values[0];
      list.items = choices;
      list.activeItems = choices.filter(({ value }) => value !== undefined && value === next).slice(0, 1);
      if (!stays) proposed = next;
    };
    let working = 0;
    const busy = (by: number): void => {
      working += by;
      if (!closed.signal.aborted) list.busy = working > 0;
    };
    let searching = new AbortController();
    const { search } = options;
    if (search !== undefined)
      list.onDidChangeValue((text) => {
        searching.abort();
        searching = new AbortController();
        const signal = AbortSignal.any([searching.signal, closed.signal]);
        busy(1);
        void sleep(TYPING, undefined, { signal })
          .then(() => (text.trim() === '' ? [] : search(text.trim(), signal)))
          .then((choices) => {
            found = choices;
            draw();
          })
          // Another text was typed.
          .catch(() => undefined)
          .finally(() => busy(-1));
      });
    busy(1);
    list.show();
    void Promise.resolve(options.fill(show, closed.signal))
      .catch(() => undefined)
      .finally(() => busy(-1));
    return await result;
  } finally {
    closed.abort();
    list.dispose();
  }
}

export function separator<T>(label: string): Choice<T> {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
