import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { LaunchForm } from './support/form.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
/** A folder of nobody's yet. */
let place: string;
const step = oneAfterAnother();

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  place = join(dirname(session.workspace), 'place');
  await mkdir(place);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('example-last').catch(() => undefined);
  await session?.stop();
});

/** Whether a step of the walkthrough has its mark. */
function isDone(id: string): Promise<boolean> {
  return workbench.page.locator(`.getting-started-step[data-step-id="wishbone.wishbone#start#${id}"] .complete`).isVisible();
}

/** Opens the walkthrough for `act`. It keeps keys to itself, so the explorer has them afterwards. */
async function inWalkthrough(act: () => Promise<void>): Promise<void> {
  await workbench.command('Wishbone: Get Started');
  await workbench.page.locator('.getting-started-step').first().waitFor();
  await act();
  await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'tiny-llama' }).click();
}

async function choose(folder: string): Promise<void> {
  await workbench.command('Wishbone: Create Example Project…');
  await workbench.chooseFolder(folder);
}

step('the page of the extension begins with what one sees, and shows its pictures without a network', async () => {
  await workbench.command('View: Show Extensions');
  await workbench.page.locator('.extension-list-item', { hasText: 'Wishbone' }).first().click();
  const page = await workbench.webview('h1#wishbone, h1');
  const pictures = page.locator('img');
  await until('all pictures are shown', async () => {
    const widths = await pictures.evaluateAll((all) => all.map((picture) => (picture as HTMLImageElement).naturalWidth));
    return widths.length >= 3 && widths.every((width) => width > 300);
  });
  assert.doesNotMatch(await page.locator('body').innerText(), /npm|npx/);
  await workbench.screenshot('extension-page');
  await workbench.command('View: Close All Editors');
  await workbench.command('View: Show Explorer');
});

step('the walkthrough has a picture a step, and nothing is done in it yet', async () => {
  await inWalkthrough(async () => {
    for (const id of ['example', 'data', 'device', 'launch', 'watch', 'try', 'speedup']) {
      assert.equal(await isDone(id), false, id);
      await workbench.page.locator(`.getting-started-step[data-step-id="wishbone.wishbone#start#${id}"]`).click();
      await until(`${id} has a picture`, () =>
        workbench.page
          .locator('.getting-started-media img')
          .evaluateAll((pictures) => pictures.some((picture) => (picture as HTMLImageElement).naturalWidth > 100)),
      );
    }
    await workbench.screenshot('walkthrough-dark');
  });
});

step('a page that was opened is no step that was done', async () => {
  await workbench.command('Wishbone: Launch Run…');
  await new LaunchForm(workbench).frame();
  await inWalkthrough(async () => assert.equal(await isDone('launch'), false));
});

step('a folder that is not empty is asked about, and given up leaves it as it was', async () => {
  await writeFile(join(place, 'preferences.jsonl'), 'mine');
  await choose(place);
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  assert.match(await dialog.innerText(), /place is not empty\.[^]*This would overwrite 1 file: preferences\.jsonl/);
  await workbench.screenshot('example-not-empty');
  await dialog.locator('.monaco-button', { hasText: 'Cancel' }).click();
  await dialog.waitFor({ state: 'hidden' });
  assert.deepEqual(await readdir(place), ['preferences.jsonl']);
});

step('the example is made in a folder of its own inside, and its window shows the run config', async () => {
  await choose(place);
  await workbench.page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Create in a New Folder' }).click();
  const offer = workbench.page.locator('.notification-list-item', { hasText: 'The example project is in' });
  await offer.waitFor();
  assert.equal(await readFile(join(place, 'preferences.jsonl'), 'utf8'), 'mine');
  assert.deepEqual((await readdir(join(place, 'wishbone-example'))).sort(), [
    'README.md',
    'example.wishbone.json',
    'preferences.jsonl',
    'tiny-llama',
  ]);
  await offer.locator('.monaco-button', { hasText: 'Open Folder' }).click();
  await until('the window is on the new folder', async () => workbench.page.url().includes('wishbone-example'));
  await until('the run config is open', async () => (await workbench.tabs()).includes('example.wishbone.json'));
  await until('the way to a run is above it', () =>
    workbench.page.locator('.codelens-decoration a', { hasText: 'Launch Run from Config' }).isVisible(),
  );
  await workbench.screenshot('example-opened');
});

step('steps of the walkthrough are complete once their thing was done, and not before', async () => {
  await workbench.page.locator('.codelens-decoration a', { hasText: 'Launch Run from Config' }).click();
  const form = new LaunchForm(workbench);
  assert.equal((await form.figures())['Steps'], '28');
  await form.start();
  await until('it has finished', async () => (await workbench.notifications()).some((text) => /first run finished/.test(text)));
  await inWalkthrough(async () => {
    for (const id of ['example', 'launch', 'watch']) await until(`${id} is done`, () => isDone(id));
    for (const id of ['data', 'speedup']) assert.equal(await isDone(id), false, id);
  });
  await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'preferences.jsonl' }).click();
  await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).waitFor();
  await inWalkthrough(async () => {
    await until('the data is', () => isDone('data'));
    await workbench.screenshot('walkthrough-done');
  });
});
