import type { Locator, Page } from 'playwright-core';
import { until, type Workbench } from './workbench.js';

/** The text editor that has the focus, read as a person reads it: from what is drawn. */
export class TextEditor {
  readonly #workbench: Workbench;

  constructor(workbench: Workbench) {
    this.#workbench = workbench;
  }

  get #page(): Page {
    return this.#workbench.page;
  }

  get #editor(): Locator {
    return this.#page.locator('.editor-group-container.active .editor-instance .monaco-editor').first();
  }

  /** Opens a file of the workspace by its name, as "Go to File…" does. */
  async open(name: string): Promise<void> {
    await until(`${name} is open`, async () => {
      await this.#page.locator('.part.sidebar .composite.title .title-label').click();
      await this.#page.keyboard.press('Control+P');
      const input = this.#page.locator('.quick-input-widget .quick-input-box input');
      await input.waitFor();
      await input.fill(name);
      const row = this.#page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first();
      const found = await row
        .waitFor({ timeout: 3000 })
        .then(() => true)
        .catch(() => false);
      if (!found) return this.#page.keyboard.press('Escape').then(() => false);
      await row.click();
      return (await this.#workbench.tabs()).some((tab) => tab.includes(name));
    });
    await this.#editor.locator('.view-line').first().waitFor();
  }

  /** Puts the cursor at a line and column, both from 1. */
  async goTo(line: number, column = 1): Promise<void> {
    const input = this.#page.locator('.quick-input-widget .quick-input-box input');
    const place = new RegExp(`^Go to line ${line}(?: (?:and|at) character ${column})?\\b`, 'i');
    const entry = this.#page.locator('.quick-input-list .monaco-list-row', { hasText: place });
    await until(`the cursor is in line ${line}, column ${column}`, async () => {
      await this.#editor.click({ position: { x: 300, y: 60 } });
      await this.#page.keyboard.press('Control+G');
      await input.waitFor({ timeout: 5000 });
      await input.fill(`:${line}:${column}`, { timeout: 5000 });
      // Clicked, not confirmed with a key: while a theme changes the box may close by itself, and the key would break a row.
      await entry.first().click({ timeout: 5000 });
      await input.waitFor({ state: 'hidden', timeout: 5000 });
      return true;
    });
  }

  /** The texts above the first line. VS Code draws them anew only while the editor has the focus. */
  async lenses(): Promise<string[]> {
    await this.#editor.locator('textarea, .native-edit-context').first().focus();
    return clean(await this.#editor.locator('.codelens-decoration > a, .codelens-decoration > span').allInnerTexts()).filter(
      (text) => text !== '' && text !== '|',
    );
  }

  async pressLens(text: string): Promise<void> {
    await this.#editor.locator('.codelens-decoration > a', { hasText: text }).click();
  }

  /** The lines on the screen, from the top, with whatever stands beside their own text. */
  async lines(): Promise<string[]> {
    const lines = await this.#editor.locator('.view-lines > .view-line').evaluateAll((all) =>
      all
        .map((line) => ({ top: Number.parseFloat((line as HTMLElement).style.top), text: line.textContent ?? '' }))
        .sort((a, b) => a.top - b.top)
        .map(({ text }) => text),
    );
    return clean(lines);
  }

  /** What a hover over the cursor says. */
  async hover(): Promise<string> {
    // Where the mouse lies, another one would come up.
    await this.#page.mouse.move(5, 5);
    const hover = this.#page.locator('.monaco-resizable-hover:visible, .monaco-hover:visible').first();
    await until('the hover comes', async () => {
      await this.#page.keyboard.press('Control+K');
      await this.#page.keyboard.press('Control+I');
      // While a theme is changed keys can be lost.
      return hover.waitFor({ timeout: 5000 }).then(
        () => true,
        () => false,
      );
    });
    // It fades in, which a picture would show.
    await until('the hover is drawn', () => hover.evaluate((shown) => shown.getAnimations({ subtree: true }).length === 0));
    return (await hover.innerText()).replaceAll('\u00a0', ' ');
  }

  /** Titles of what can be done at the cursor; leaves the list open. */
  async fixes(): Promise<string[]> {
    const rows = this.#page.locator('.action-widget .monaco-list-row.action');
    // Asked for again when the keys were lost.
    await until('the fixes are listed', async () => {
      await this.#page.keyboard.press('Control+.');
      return rows
        .first()
        .waitFor({ timeout: 10_000 })
        .then(
          () => true,
          () => false,
        );
    });
    return clean(await rows.allInnerTexts());
  }

  /** With keys: until the mouse has moved, VS Code keeps it from the list. */
  async chooseFix(title: string): Promise<void> {
    const focused = this.#page.locator('.action-widget .monaco-list-row.focused');
    await until(`${title} can be chosen`, async () => {
      if ((await focused.innerText()).includes(title)) return true;
      await this.#page.keyboard.press('ArrowDown');
      return false;
    });
    await this.#page.keyboard.press('Enter');
    await this.#page.locator('.action-widget').waitFor({ state: 'hidden' });
  }

  async undo(): Promise<void> {
    await this.#page.keyboard.press('Control+Z');
  }

  /** The entries of the Problems view, which has to be open: `message wishbone/code [Ln 1, Col 2]`. */
  async problems(): Promise<string[]> {
    return clean(
      await this.#page
        .locator('.markers-panel .monaco-list-row .marker-message-line, .markers-panel .monaco-list-row .message')
        .allInnerTexts(),
    );
  }
}

/** VS Code draws spaces that do not break. */
function clean(texts: readonly string[]): string[] {
  return texts.map((text) => text.replaceAll('\u00a0', ' ').replace(/\s+/g, ' ').trim());
}
