import * as vscode from 'vscode';

import { showInformation } from '../messages.js';

/** Names of what is in the secret storage, which cannot list them itself: of a key, its origin. */
const KNOWN = 'wishbone.judge.origins';

/** API keys of judges in VS Code's secret storage: each goes to the origin alone that it was given for. */
export class JudgeKeys {
  constructor(readonly secrets: vscode.SecretStorage) {}

  /** The key for an address; asked for once. Empty where the endpoint wants none; undefined when nobody answered. */
  async key(url: string): Promise<string | undefined> {
    const { origin } = new URL(url);
    const stored = await this.secrets.get(nameOf(origin));
    if (stored !== undefined) return stored;
    const given = await vscode.window.showInputBox({
      title: `Key for ${origin}`,
      prompt: 'Kept in VS Code’s secret storage and sent to this address alone. Empty where it wants none',
      password: true,
      ignoreFocusOut: true,
      validateInput: (text) => (/^[\x21-\x7e]*$/.test(text.trim()) ? undefined : 'A key has no spaces in it.'),
    });
    if (given === undefined) return undefined;
    await this.secrets.store(nameOf(origin), given.trim());
    await this.#remember([...new Set([...(await this.#origins()), origin])]);
    return given.trim();
  }

  /** Asks which key is to be forgotten, if there are several. */
  async forget(): Promise<void> {
    const origins = await this.#origins();
    const [first] = origins;
    if (first === undefined) {
      void showInformation('Wishbone: no key of a judge is stored.');
      return;
    }
    const origin =
      origins.length === 1
        ? first
        : await vscode.window.showQuickPick(origins, { title: 'Forget Judge Key', placeHolder: 'Of which address?' });
    if (origin === undefined) return;
    await this.secrets.delete(nameOf(origin));
    await this.#remember(origins.filter((each) => each !== origin));
    void showInformation(`Nothing is stored for ${origin} any more.`);
  }

  async #origins(): Promise<string[]> {
    const text = await this.secrets.get(KNOWN);
    return text === undefined ? [] : text.split('\n').filter((line) => line !== '');
  }

  async #remember(origins: readonly string[]): Promise<void> {
    await this.secrets.store(KNOWN, origins.join('\n'));
  }
}

const nameOf = (origin: string): string => `wishbone.judge:${origin}`;
