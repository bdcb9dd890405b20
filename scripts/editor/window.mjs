// A VS Code window that is measured from within: when something comes into view, how long a key takes to the screen.
import { setTimeout as sleep } from 'node:timers/promises';

const first = (selector) => `document.querySelector(${JSON.stringify(selector)})`;
const rowWith = (list, text) =>
  `[...document.querySelectorAll(${JSON.stringify(`${list} .monaco-list-row`)})].find((row) => row.textContent.includes(${JSON.stringify(text)}))`;
const tabOf = (name) => `${first(`.tab[data-resource-name="${name}"]`)}`;
const groupOf = (name) => `${tabOf(name)}?.closest('.editor-group-container')`;
const statusBar = `(document.querySelector('.part.statusbar')?.textContent ?? '').replace(/\\s+/g, ' ')`;

/** What is waited for: expressions over the page that are true once it is in view. */
export const sights = {
  tab: (name) => `${tabOf(name)} instanceof Element`,
  text: (name) => `(${groupOf(name)}?.querySelector('.view-line')?.textContent ?? '').length > 20`,
  /** Pairs of a large file that is being checked, in the status bar. */
  count: () => `/\\d% · [\\d,]+ pairs?/.test(${statusBar})`,
  /** Its first entry in the Problems view. */
  entry: (name) => `${rowWith('.markers-panel', name)} instanceof Element`,
  /** A wavy line under a field on the screen. */
  mark: (name) => `${groupOf(name)}?.querySelector('.squiggly-error') instanceof Element`,
  /** All of it is checked: thousands of pairs in the status bar, without how far the check is. */
  whole: () => `/[\\d,]+,\\d{3} pairs/.test(${statusBar}) && !/\\d% · [\\d,]+ pairs?/.test(${statusBar})`,
};

/** Waits for the workbench to be ready for keys. */
export async function ready(page) {
  await page.waitFor(first('.monaco-workbench .part.statusbar'));
  await page.waitFor(first('.explorer-folders-view .monaco-list-row'));
}

/** Runs a command from the palette by its full title. */
export async function command(page, title) {
  const row = rowWith('.quick-input-list', title);
  for (;;) {
    await page.click(first('.part.sidebar .composite.title .title-label'));
    await page.press('F1');
    await page.waitFor(first('.quick-input-widget .quick-input-box input'));
    await page.insert(title);
    if (await page.waitFor(row, 3000)) break;
    await page.press('Escape');
  }
  await page.press('Enter');
}

/** Opens a file of the folder from the explorer, to stay. */
export async function openFile(page, name) {
  await page.click(rowWith('.explorer-folders-view', name), undefined, 2);
}

/** Puts the cursor into the first line of a file that is shown. */
export async function focus(page, name) {
  await page.waitFor(sights.text(name));
  // Within the text of the first row: `{"prompt": [{"role": "…`
  await page.click(`${groupOf(name)}.querySelector('.view-lines')`, { x: 200, y: 8 });
}

/** Milliseconds of activation that the list of running extensions, which has to be open, tells of one; undefined for one that does not run. */
export async function activationOf(page, extension) {
  const list = '.runtime-extensions-editor';
  await page.waitFor(first(`${list} .monaco-list-row .activation-time`));
  const time = `[...document.querySelectorAll(${JSON.stringify(`${list} .monaco-list-row`)})].find((row) => row.querySelector('.name')?.textContent === ${JSON.stringify(extension)})?.querySelector('.activation-time')?.textContent`;
  // Until it is over there is no figure.
  await page.waitFor(`!(${time})?.length || /\\d ?ms/.test(${time})`);
  const text = await page.evaluate(time);
  return text && Number(/([\d,]+) ?ms/.exec(text)[1].replaceAll(',', ''));
}

/** The lines of a file that are on the screen. */
export async function shownText(page, name) {
  const lines = await page.evaluate(`[...${groupOf(name)}.querySelectorAll('.view-line')].map((line) => line.textContent).join('')`);
  return lines.replaceAll('\u00a0', ' ');
}

/** How far the check of the large file, which has to have the focus, has come, in per cent, as the status bar says. */
export async function share(page) {
  const text = `/(\\d+)% · [\\d,]+ pairs?|,\\d{3} pairs/.exec(${statusBar})`;
  await page.waitFor(text);
  return page.evaluate(`Number(${text}[1] ?? 100)`);
}

/**
 * Watches for sights from now on, once a frame. Resolves to a function that waits until some are there, and says at which
 * millisecond of the page's clock each was.
 *
 * @param wanted expressions by name
 */
export async function watch(page, wanted) {
  const looks = Object.entries(wanted).map(([name, text]) => `[${JSON.stringify(name)}, () => ${text}]`);
  await page.evaluate(`{
    const seen = (globalThis.seen = {});
    const open = new Map([${looks.join(', ')}]);
    const look = () => {
      for (const [name, isThere] of open) {
        if (!isThere()) continue;
        seen[name] = performance.now();
        open.delete(name);
      }
      if (open.size > 0) requestAnimationFrame(look);
    };
    look();
  }`);
  return async (names) => {
    await page.waitFor(`${JSON.stringify(names)}.every((name) => name in globalThis.seen)`);
    return page.evaluate('globalThis.seen');
  };
}

/**
 * Types a text where the cursor is, a key every `pace` milliseconds whether or not the window keeps up.
 *
 * @returns for each key, the milliseconds from the press to the end of the frame that shows it
 */
export async function typed(page, text, pace) {
  await page.evaluate(`{
    const times = (globalThis.keyTimes = []);
    globalThis.onKey = ({ key, timeStamp }) => {
      if (key.length !== 1) return;
      requestAnimationFrame(() => {
        // A message comes once the frame is done.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => times.push(performance.now() - timeStamp);
        port2.postMessage(0);
      });
    };
    document.addEventListener('keydown', globalThis.onKey, true);
  }`);
  const pressed = [];
  for (const key of text) {
    pressed.push(page.press(key));
    await sleep(pace);
  }
  await Promise.all(pressed);
  await page.waitFor(`globalThis.keyTimes.length >= ${text.length}`);
  return page.evaluate(`{ document.removeEventListener('keydown', globalThis.onKey, true); globalThis.keyTimes }`);
}
