// All messages of VS Code's own that this extension shows: what is in them came from files at least in part.
import * as vscode from 'vscode';
import { withoutLinks } from '../core/text/without-links.js';

type Show = typeof vscode.window.showInformationMessage;

const showing =
  (show: () => Show): Show =>
  (text: string, ...more: unknown[]) =>
    (show() as (...all: unknown[]) => Thenable<never>)(withoutLinks(text), ...more.map(plainItem));

/** The second may be options, whose detail is a text as well. */
function plainItem(item: unknown): unknown {
  const detail = (item as vscode.MessageOptions | undefined)?.detail;
  return typeof detail === 'string' ? { ...(item as vscode.MessageOptions), detail: withoutLinks(detail) } : item;
}

export const showInformation: Show = showing(() => vscode.window.showInformationMessage);
export const showWarning: Show = showing(() => vscode.window.showWarningMessage);
export const showError: Show = showing(() => vscode.window.showErrorMessage);

/** `vscode.window.withProgress`, whose title and messages are shown as notifications are. */
export function withProgress<T>(
  options: vscode.ProgressOptions,
  task: (progress: vscode.Progress<{ message?: string; increment?: number }>, token: vscode.CancellationToken) => Thenable<T>,
): Thenable<T> {
  const plain = options.title === undefined ? options : { ...options, title: withoutLinks(options.title) };
  return vscode.window.withProgress<T>(plain, (progress, token) =>
    task(
      { report: (value) => progress.report(value.message === undefined ? value : { ...value, message: withoutLinks(value.message) }) },
      token,
    ),
  );
}
