import type { Frame } from 'playwright-core';
import { until, type Workbench } from './workbench.js';

/** The launch form, used as a person uses it. */
export class LaunchForm {
  readonly #workbench: Workbench;

  constructor(workbench: Workbench) {
    this.#workbench = workbench;
  }

  /** Opens a form from the palette. */
  async open(): Promise<void> {
    await this.#workbench.command('Wishbone: Launch Run…');
    await this.frame();
  }

  frame(): Promise<Frame> {
    return this.#workbench.webview('main#launch .field');
  }

  /** Types into the text field of an option or path. */
  async type(field: string, text: string): Promise<void> {
    const frame = await this.frame();
    const input = frame.locator(`[data-field="${field}"] input`);
    // Folded away or not, as the form happens to be.
    const folded = frame.locator(`details:not([open]):has([data-field="${field}"]) summary`);
    if ((await folded.count()) > 0) await folded.click();
    await input.fill(text);
  }

  /** Another form, in place of the one that is open. */
  async fresh(): Promise<Frame> {
    await this.#workbench.command('View: Close All Editors');
    await this.open();
    return this.frame();
  }

  async value(field: string): Promise<string> {
    return (await this.frame()).locator(`[data-field="${field}"] input`).inputValue();
  }

  /** The field that has the keys. */
  async focused(): Promise<string> {
    return (await this.frame()).evaluate(() => document.activeElement?.closest('[data-field]')?.getAttribute('data-field') ?? '');
  }

  async press(button: string): Promise<void> {
    await (await this.frame()).locator('vscode-button', { hasText: button }).click();
  }

  /** What stands below a field: its help, or what is wrong with it. */
  async text(field: string): Promise<string> {
    const frame = await this.frame();
    return (await frame.locator(`[data-field="${field}"] .field-text`).textContent()) ?? '';
  }

  /** The forecast's figures by label, once they are all there. */
  async figures(): Promise<Record<string, string>> {
    return until('the forecast', async () => {
      const frame = await this.frame();
      const figures = await frame
        .locator('.forecast[data-kind="done"] .forecast-figures > div')
        .evaluateAll((rows) =>
          Object.fromEntries(
            rows.map((row) => [row.querySelector('dt')?.textContent ?? '', row.querySelector('.value')?.textContent ?? '']),
          ),
        );
      return figures['Peak memory'] !== undefined && figures['Peak memory'] !== '…' ? figures : undefined;
    });
  }

  /** Why the run cannot be started; empty when it can. */
  async reason(): Promise<string> {
    const frame = await this.frame();
    return (await frame.locator('.reason').textContent()) ?? '';
  }

  async start(): Promise<void> {
    await until('the form may be started', async () => (await this.reason()) === '');
    const frame = await this.frame();
    await frame.locator('vscode-button', { hasText: 'Start Run' }).click();
  }
}
