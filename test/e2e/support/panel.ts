import type { Frame } from 'playwright-core';
import { until, type Workbench } from './workbench.js';

/** What the run panel shows at one moment. */
export interface PanelSnapshot {
  readonly name: string;
  /** Absolute path of the run folder. */
  readonly folder: string;
  /** `running`, `stopped`, …: what the badge stands for. */
  readonly state: string;
  /** Last step done and steps in all; 0 before the first. */
  readonly step: number;
  readonly steps: number;
  /** Figures by label, as text: `Loss: "0.4123"`. */
  readonly figures: Readonly<Record<string, string>>;
  /** What the panel says of how the run ended. */
  readonly notice: string;
}

/** The run panel, read as a person reads it: from what is drawn. */
export class RunPanel {
  readonly #workbench: Workbench;

  constructor(workbench: Workbench) {
    this.#workbench = workbench;
  }

  /** The page's frame, found anew every time: VS Code replaces it when the panel moves or the window is loaded again. */
  #frame(): Promise<Frame> {
    return this.#workbench.webview('main#run h1');
  }

  /** Everything at one moment, so that its parts belong together. */
  async snapshot(): Promise<PanelSnapshot> {
    const frame = await this.#frame();
    // Only plain expressions here: this function is sent to the browser as text.
    const { count, ...shown } = await frame.locator('main#run').evaluate((main) => ({
      name: main.querySelector('h1')?.textContent ?? '',
      folder: main.querySelector('h1')?.title ?? '',
      state: main.querySelector<HTMLElement>('.badge')?.dataset['state'] ?? '',
      count: main.querySelector('.progress-line .progress')?.textContent ?? '',
      figures: Object.fromEntries(
        [...main.querySelectorAll('dl.figures > div')].map((row) => [
          row.querySelector('dt')?.textContent ?? '',
          row.querySelector('dd')?.textContent ?? '',
        ]),
      ),
      notice: main.querySelector<HTMLElement>('.notice-area')?.innerText ?? '',
    }));
    const [, step = 0, steps = 0] = (/^Step ([\d,]+) of ([\d,]+)$/.exec(count) ?? []).map((text) => Number(text.replaceAll(',', '')));
    return { ...shown, step, steps };
  }

  /** Waits until the panel is as asked; resolves to what it showed then. */
  async when(what: string, asked: (shown: PanelSnapshot) => boolean): Promise<PanelSnapshot> {
    return until(`the panel shows ${what}`, async () => {
      const shown = await this.snapshot();
      return asked(shown) && shown;
    });
  }

  reach(state: string): Promise<PanelSnapshot> {
    return this.when(`the state ${state}`, (shown) => shown.state === state);
  }

  passed(step: number): Promise<PanelSnapshot> {
    return this.when(`a step after ${step}`, (shown) => shown.step > step);
  }

  async press(button: string): Promise<void> {
    await (await this.#frame()).locator('vscode-button', { hasText: button }).click();
  }

  /**
   * Each chart's title and the number of its canvas's pixels of a strong colour: axes, grid and text are grey (in the
   * high contrast themes the grid is not), the curves are blue, green and red. Charts that are not on the screen are not
   * drawn, so the first three are looked at.
   */
  async colouredPixels(): Promise<Record<string, number>> {
    const frame = await this.#frame();
    return frame.locator('.chart').evaluateAll((charts) =>
      Object.fromEntries(
        charts.slice(0, 3).map((chart) => {
          const canvas = chart.querySelector('.canvas canvas') as HTMLCanvasElement;
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width || 1, canvas.height || 1);
          let coloured = 0;
          for (let i = 0; i < data.length; i += 4) {
            const [red, green, blue, alpha] = [data[i]!, data[i + 1]!, data[i + 2]!, data[i + 3]!];
            if (alpha > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) coloured++;
          }
          return [chart.querySelector('h2')?.textContent ?? '', coloured];
        }),
      ),
    );
  }

  /** The canvases' pictures, as data URLs: equal when nothing was drawn in between. */
  async pictures(): Promise<string[]> {
    const frame = await this.#frame();
    return frame
      .locator('.chart .canvas canvas')
      .evaluateAll((all) => all.slice(0, 3).map((canvas) => (canvas as HTMLCanvasElement).toDataURL()));
  }
}
