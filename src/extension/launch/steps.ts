import * as vscode from 'vscode';

/** One thing to pick; a separator has no value. */
export interface Choice<T> extends vscode.QuickPickItem {
  readonly value?: T;
}

export interface StepOptions<T> {
  readonly title: string;
  readonly placeholder: string;
  /** From 1; undefined outside a sequence. */
  readonly step?: number;
  readonly totalSteps?: number;
  readonly back?: boolean;
  /** The item that is chosen by Enter at once. */
  readonly active?: (value: T) => boolean;
  /** Called at once with a function that shows items, and again as more are found. Aborted when the list closes. */
  readonly fill: (show: (choices: readonly Choice<T>[]) => void, signal: AbortSignal) => Promise<void> | void;
}

/** What a step came to: a value, back to the step before, or the whole thing given up. */
export type StepResult<T> = { readonly value: T } | 'back' | 'cancel';

/** Shows one list of a sequence and waits for a choice. */
export async function pickStep<T>(options: StepOptions<T>): Promise<StepResult<T>> {
  const list = vscode.window.createQuickPick<Choice<T>>();
  const closed = new AbortController();
  try {
    list.title = options.title;
    list.placeholder = options.placeholder;
    list.step = options.step;
    list.totalSteps = options.totalSteps;
    list.matchOnDescription = true;
    list.matchOnDetail = true;
    // A half-made decision survives a look at another window.
    list.ignoreFocusOut = true;
    if (options.back === true) list.buttons = [vscode.QuickInputButtons.Back];
    const result = new Promise<StepResult<T>>((resolve) => {
      list.onDidAccept(() => {
        const value = list.selectedItems[0]?.value;
        if (value !== undefined) resolve({ value });
      });
      list.onDidTriggerButton(() => resolve('back'));
      list.onDidHide(() => resolve('cancel'));
    });
    // The item made active here, as opposed to by a person.
    let proposed: T | undefined;
    const show = (choices: readonly Choice<T>[]): void => {
      if (closed.signal.aborted) return;
      const active = list.activeItems[0]?.value;
      const values = choices.flatMap(({ value }) => (value === undefined ? [] : [value]));
      // Items that come later must not move the choice under somebody's hand.
      const stays = active !== undefined && active !== proposed && values.includes(active);
      const next = stays ? active : (values.find((value) => options.active?.(value)) ?? values[0]);
      list.items = choices;
      list.activeItems = choices.filter(({ value }) => value !== undefined && value === next).slice(0, 1);
      if (!stays) proposed = next;
    };
    list.busy = true;
    list.show();
    void Promise.resolve(options.fill(show, closed.signal))
      .catch(() => undefined)
      .finally(() => {
        if (!closed.signal.aborted) list.busy = false;
      });
    return await result;
  } finally {
    closed.abort();
    list.dispose();
  }
}

export function separator<T>(label: string): Choice<T> {
  return { label, kind: vscode.QuickPickItemKind.Separator };
}
