import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame, Locator, Page } from 'playwright-core';

/** Waits are generous: a loaded machine is slow, not wrong. */
export const patience = Number(process.env.WISHBONE_PATIENCE ?? 180_000);

const screenshots = join(import.meta.dirname, '../../../test-results/screenshots');

/**
 * Asks until the answer is neither undefined nor false; throws naming `what` when it never is. An error while asking is
 * no answer: a frame may be replaced while it is asked. Nor is silence: one that was replaced may never answer.
 */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + patience;
  let fault: unknown;
  for (let pause = SHORTEST_PAUSE; Date.now() < end; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      const answer = await Promise.race([ask(), silence()]);
      if (answer !== undefined && answer !== false) return answer;
      fault = undefined;
    } catch (error) {
      fault = error;
    }
    await sleep(pause);
  }
  throw new Error(`waited ${patience / 1000} s in vain: ${what}`, { cause: fault });
}

/** Milliseconds between two questions: what is there in a moment is found in a moment, and what takes long is not slowed by being asked. */
const SHORTEST_PAUSE = 25;
const LONGEST_PAUSE = 200;

/** How long one question may take, milliseconds: far longer than any does that is answered, since it goes on when another is asked. */
const LONGEST_QUESTION = 45_000;

/** How long a window may take until its Explorer is there, milliseconds; then it is asked for. */
const LONGEST_START = 30_000;

async function silence(): Promise<never> {
  await sleep(LONGEST_QUESTION, undefined, { ref: false });
  throw new Error('no answer');
}

/** A VS Code window in a browser page, used as a person would: keys, clicks, what is on the screen. */
export class Workbench {
  constructor(readonly page: Page) {
    page.setDefaultTimeout(patience);
    // A window that still has something to write asks whether it may be left, and stays where nobody answers.
    page.on('dialog', (dialog) => void (dialog.type() === 'beforeunload' ? dialog.accept() : dialog.dismiss()).catch(() => undefined));
  }

  /** Opens the window on a folder, or loads it anew. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.#ready();
  }

  /** As "Developer: Reload Window" does in a browser. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.#ready();
  }

  async #ready(): Promise<void> {
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
    const row = this.page.locator('.explorer-folders-view .monaco-list-row').first();
    const isThere = (timeout: number): Promise<boolean> =>
      row.waitFor({ timeout }).then(
        () => true,
        () => false,
      );
    await until('the Explorer shows the folder', async () => {
      if (await isThere(LONGEST_START)) return true;
      // A window does not always begin with the Explorer in front, nor is every page that was loaded whole.
      await this.page.keyboard.press('Control+Shift+E');
      if (await isThere(5000)) return true;
      await this.page.reload();
      return false;
    });
  }

  /** Runs a command from the palette by its full title, as soon as the palette knows it. */
  async command(title: string): Promise<void> {
    await until(`the palette offers ${title}`, async () => {
      // Keys reach the workbench only once it has the focus; the heading over the side bar does nothing else. Without a side bar
      // some part has been used before.
      const heading = this.page.locator('.part.sidebar .composite.title .title-label');
      if (await heading.isVisible()) await heading.click({ timeout: 5000 });
      await this.page.keyboard.press('F1');
      // A key can be lost while the window is busy, with a new theme for one: then it is pressed again.
      await this.#input.waitFor({ timeout: 5000 });
      try {
        // A page that takes the focus only now closes the palette again.
        await this.#input.fill(`>${title}`, { timeout: 5000 });
        // The list is made once, when the palette opens: what an extension adds later is not in it.
        await this.#row(title).click({ timeout: 5000 });
        return true;
      } catch {
        await this.page.keyboard.press('Escape');
        return false;
      }
    });
  }

  /** Shows the side bar, or hides it. */
  async sideBar(wanted: boolean): Promise<void> {
    const bar = this.page.locator('.part.sidebar');
    await until('the side bar is as wanted', async () => {
      if ((await bar.isVisible()) === wanted) return true;
      // A page that has the keys hands them on in its own time; pressed again too early, the bar would be back.
      await this.page.keyboard.press('Control+B');
      return bar.waitFor({ state: wanted ? 'visible' : 'hidden', timeout: 5000 }).then(
        () => true,
        () => false,
      );
    });
  }

  /** Chooses the entry of the open list whose label contains `label`. */
  async pick(label: string): Promise<void> {
    await this.#row(label).click();
  }

  #row(label: string): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: label }).first();
  }

  /**
   * Waits for the input box with this title, types into it and confirms.
   *
   * @param listed of a box with a list that follows what is typed: its first entry then, which is waited for
   */
  async type(title: string, text: string, listed?: string): Promise<void> {
    const box = this.page.locator('.quick-input-title', { hasText: title });
    await box.waitFor();
    await this.#input.fill(text);
    const first = this.page.locator('.quick-input-list .monaco-list-row').first();
    if (listed !== undefined) await until(`${listed} stands first`, async () => (await first.innerText()).startsWith(listed));
    const written = () => this.#input.inputValue({ timeout: 1000 }).catch(() => undefined);
    const isOpen = async (): Promise<boolean> => (await box.isVisible()) && (await written()) === text;
    await until(`${title} takes ${text}`, async () => {
      // A key can be lost while the window is busy: then it is pressed again.
      await this.page.keyboard.press('Enter');
      for (const end = Date.now() + 5000; Date.now() < end; await sleep(50)) if (!(await isOpen())) return true;
      return false;
    });
  }

  /** Saves under this path in the file dialog of VS Code in a browser, which reads the folder before it listens. */
  async saveAs(file: string): Promise<void> {
    // Hidden, the box still holds what was typed into it last.
    await until(
      'the dialog suggests a name',
      async () => (await this.#input.isVisible()) && /\.\w+$/.test(await this.#input.inputValue({ timeout: 1000 })),
    );
    await until(`${file} is saved`, async () => {
      if (!(await this.#input.isVisible())) return true;
      await this.#input.fill(file);
      await sleep(500);
      // What the dialog found meanwhile may have replaced it.
      if ((await this.#input.inputValue({ timeout: 1000 })) === file) await this.page.keyboard.press('Enter');
      await this.#input.waitFor({ state: 'hidden', timeout: 5000 });
      return true;
    });
  }

  /** Chooses a folder in the file dialog of VS Code in a browser. */
  async chooseFolder(folder: string): Promise<void> {
    await until(
      'the dialog has a folder',
      async () => (await this.#input.isVisible()) && (await this.#input.inputValue({ timeout: 1000 })).startsWith('/'),
    );
    await until(`${folder} is chosen`, async () => {
      if (!(await this.#input.isVisible())) return true;
      await this.#input.fill(`${folder}/`);
      await sleep(500);
      if ((await this.#input.inputValue({ timeout: 1000 })) === `${folder}/`) await this.page.keyboard.press('Enter');
      await this.#input.waitFor({ state: 'hidden', timeout: 5000 });
      return true;
    });
  }

  get #input(): Locator {
    return this.page.locator('.quick-input-widget .quick-input-box input');
  }

  /** The text of every notification on screen. */
  async notifications(): Promise<string[]> {
    return this.page.locator('.notification-list-item-message').allInnerTexts();
  }

  async clearNotifications(): Promise<void> {
    await this.command('Notifications: Clear All Notifications');
  }

  /** Text of the status bar. */
  async statusBar(): Promise<string> {
    return this.page.locator('.part.statusbar').innerText();
  }

  /** Titles of the open editor tabs. */
  async tabs(): Promise<string[]> {
    return this.page.locator('.tabs-container .tab .label-name').allInnerTexts();
  }

  /** The document of a webview: the innermost frame that holds an element matching `selector`. */
  async webview(selector: string): Promise<Frame> {
    return until(`a webview with ${selector}`, async () => {
      for (const frame of this.page.frames()) {
        if (!frame.url().includes('fake.html')) continue;
        if ((await frame.locator(selector).count()) > 0) return frame;
      }
      return undefined;
    });
  }

  /** Waits until the browser has stored something with all of these texts in it, as the state of a panel is. */
  async kept(...texts: string[]): Promise<void> {
    await until(`the browser keeps ${texts.join(' and ')}`, () =>
      // Only plain expressions here: this function is sent to the browser as text.
      this.page.evaluate(async (wanted) => {
        for (const { name } of await indexedDB.databases()) {
          const database = await new Promise<IDBDatabase>((resolve, reject) => {
            const request = indexedDB.open(name!);
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error!);
          });
          for (const store of database.objectStoreNames) {
            const values = await new Promise<unknown[]>((resolve, reject) => {
              const request = database.transaction(store).objectStore(store).getAll();
              request.onsuccess = () => resolve(request.result);
              request.onerror = () => reject(request.error!);
            });
            if (values.some((value) => wanted.every((text) => String(value).includes(text)))) {
              database.close();
              return true;
            }
          }
          database.close();
        }
        return false;
      }, texts),
    );
  }

  /** Waits for the theme (`vs`, `vs-dark`, `hc-black`, `hc-light`) that the settings name. */
  async themed(base: string): Promise<void> {
    await this.page.locator(`.monaco-workbench.${base}`).first().waitFor();
  }

  /** Keeps a picture of the window in test-results/screenshots. */
  async screenshot(name: string): Promise<void> {
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({ path: join(screenshots, `${name}.png`) });
  }
}
