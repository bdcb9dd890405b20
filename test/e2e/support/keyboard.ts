import assert from 'node:assert/strict';
import type { Frame } from 'playwright-core';
import type { Workbench } from './workbench.js';

/** More than any page has stops. */
const MOST_STOPS = 150;

/**
 * Walks through a page with Tab alone, from its beginning.
 *
 * @param names how the labels of controls begin that must be among those that get the keys
 */
export async function assertReachedWithTab({ page }: Workbench, frame: Frame, names: readonly string[]): Promise<void> {
  await frame.locator('main').evaluate((main) => {
    main.setAttribute('tabindex', '-1');
    main.focus();
  });
  const missing = new Set(names);
  const reached: string[] = [];
  for (let stop = 0; stop < MOST_STOPS && missing.size > 0; stop++) {
    await page.keyboard.press('Tab');
    const label = await frame.evaluate(() => {
      const element = document.activeElement!;
      return element.getAttribute('aria-label') ?? (element.textContent ?? '').trim();
    });
    reached.push(label);
    for (const name of missing) if (label.startsWith(name)) missing.delete(name);
  }
  await frame.locator('main').evaluate((main) => main.removeAttribute('tabindex'));
  assert.deepEqual([...missing], [], `not reached with Tab; reached were ${reached.join(', ')}`);
}
