import type { Frame } from 'playwright-core';
import { assertAccessible } from './accessible.js';
import type { Session } from './session.js';
import { until } from './workbench.js';

/** A theme, what the workbench's class calls its kind, and what a page's body does. */
const THEMES = [
  { suffix: 'light', name: 'Default Light Modern', workbench: 'vs', page: 'vscode-light' },
  { suffix: 'high-contrast', name: 'Default High Contrast', workbench: 'hc-black', page: 'vscode-high-contrast' },
  {
    suffix: 'high-contrast-light',
    name: 'Default High Contrast Light',
    workbench: 'hc-light',
    page: 'vscode-high-contrast-light',
  },
  { suffix: 'dark', name: 'Default Dark Modern', workbench: 'vs-dark', page: 'vscode-dark' },
] as const;

/**
 * Shows a page in every theme, dark last: a picture of each in test-results/screenshots, named `<name>-<theme>`. Fails
 * where the page keeps somebody out.
 *
 * @param page finds the page's frame
 * @param drawn resolves once the page is drawn in its new colours; by default after two frames
 */
export async function inEveryTheme(
  session: Session,
  name: string,
  page: () => Promise<Frame>,
  drawn: (frame: Frame) => Promise<unknown> = twoFrames,
): Promise<void> {
  const { workbench } = session;
  for (const each of THEMES) {
    await session.theme(each.name);
    await workbench.themed(each.workbench);
    const frame = await page();
    await until(`the page is ${each.suffix}`, async () =>
      (await frame.locator('body').getAttribute('class'))?.split(' ').includes(each.page),
    );
    await drawn(frame);
    await workbench.screenshot(`${name}-${each.suffix}`);
    await assertAccessible(frame, `${name}, ${each.suffix}`);
  }
}

function twoFrames(frame: Frame): Promise<unknown> {
  return frame.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
