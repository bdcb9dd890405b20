import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame, Locator } from 'playwright-core';
import { InspectedPlan } from '../../src/core/inspect/inspected-plan.js';
import { classifyTiles, explain, lastAtMost } from '../../src/core/mask/index.js';
import { prepareRun } from '../../src/core/prepare/index.js';
import { DEFAULT_PLAN, DEFAULT_RUNNER, DEFAULT_TRAINING } from '../../src/core/options/index.js';
import { formatCount } from '../../src/format.js';
import { assertAccessible } from './support/accessible.js';
import { assertConfined } from './support/confined.js';
import { assertReachedWithTab } from './support/keyboard.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const step = oneAfterAnother();

let session: Session;
let workbench: Workbench;
let dataset: string;
/** The plan that the views must show, made here by the same core. */
let plan: InspectedPlan;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  dataset = join(session.workspace, 'preferences.jsonl');
  const model = join(session.workspace, 'tiny-llama');
  plan = await InspectedPlan.open({ kind: 'dataset', dataset, model, plan: DEFAULT_PLAN });
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('plans-last').catch(() => undefined);
  await session?.stop();
});

const maskPage = (): Promise<Frame> => workbench.webview('main#mask .side-figures tbody td');
const packingPage = (): Promise<Frame> => workbench.webview('main#packing .side-figures tbody td');

/** The figures of one side by their labels. */
async function figures(frame: Frame, side: 'Shared' | 'Naive'): Promise<Record<string, string>> {
  const labels = await frame.locator('.side-figures thead th').allInnerTexts();
  const row = frame.locator('.side-figures tbody tr').filter({ has: frame.locator('th', { hasText: side }) });
  const values = await row.locator('td').allInnerTexts();
  return Object.fromEntries(labels.map((label, at) => [label, values[at]!]));
}

/** How many pixels of a canvas are of a strong colour. */
function coloured(canvas: Locator): Promise<number> {
  return canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [red, green, blue] = [data[i]!, data[i + 1]!, data[i + 2]!];
      if (Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count++;
    }
    return count;
  });
}

step('a dataset that cannot be planned says so where the plan would be', async () => {
  await workbench.command('Wishbone: Inspect Masks…');
  await workbench.pick('Preference file');
  await workbench.pick('bad.jsonl');
  await workbench.pick('tiny-llama');
  await workbench.pick('Show');
  const frame = await workbench.webview('main#mask h1:has-text("No plan to show")');
  assert.match(await frame.locator('[role=alert]').innerText(), /bad\.jsonl:2/);
  await assertAccessible(frame, 'no plan');
  await workbench.screenshot('mask-empty');
  await workbench.command('View: Close All Editors');
});

step('"Inspect Masks" draws the bin that the plan holds, shared beside naive', async () => {
  await workbench.command('Wishbone: Inspect Masks…');
  await workbench.pick('Preference file');
  await workbench.pick('preferences.jsonl');
  await workbench.pick('Same as last time');
  const frame = await maskPage();
  const { shared, naive } = await plan.bin(0);
  const [table, tiles] = [await figures(frame, 'Shared'), classifyTiles(shared)];
  assert.equal(table['Tokens'], formatCount(shared.tokens.length));
  assert.equal(table['Full tiles'], formatCount(tiles.full));
  assert.equal(table['Partial tiles'], formatCount(tiles.partial));
  assert.equal((await figures(frame, 'Naive'))['Tokens'], formatCount(naive.tokens.length));
  assert.match(await frame.locator('.saving').innerText(), /saves \d+% of the tokens and \d+% of the FLOPs/);
  for (const side of [0, 1]) {
    const canvas = frame.locator('canvas.mask').nth(side);
    await until('the mask is drawn', async () => (await coloured(canvas)) > 1000);
  }
});

step('keys alone say which token looks at which and why, with the text of its path', async () => {
  const frame = await maskPage();
  const { shared } = await plan.bin(0);
  const canvas = frame.getByRole('application', { name: 'Shared attention mask' });
  await canvas.focus();
  const keys = workbench.page.keyboard;
  for (const key of ['ArrowDown', 'PageDown', 'Control+ArrowDown']) await keys.press(key);
  // The first response's first token of the second tree; its key is still the tree's first token.
  const tree = shared.segmentParent.indexOf(-1, 1);
  const query = shared.segmentBegin[tree + 1]!;
  assert.equal(explain(shared, query, shared.segmentBegin[tree]!).reason, 'ancestor');
  const said = frame.locator('.cell [role=status]');
  const says = (what: RegExp): Promise<true> => until(`the cell says ${what.source}`, async () => what.test(await said.innerText()));
  await says(/Visible\. .*is an ancestor/);
  // The texts of tokens come after their numbers.
  await says(new RegExp(`token ${formatCount(query)} “`));
  const path = (await plan.path(0, 'shared', query)).filter(({ part }) => part !== 'after');
  const text = path.map((piece) => piece.text).join('');
  await until('the path is shown', async () => ((await frame.locator('.path p').textContent()) ?? '').startsWith(text));
  assert.equal(await frame.locator('.path mark').count(), 1);
  // The other response does not see it.
  await keys.press('Control+ArrowDown');
  await keys.press('Control+ArrowRight');
  assert.equal(explain(shared, shared.segmentBegin[tree + 2]!, query).reason, 'sibling');
  await says(/Hidden\. .*Sibling branches/);
  // Single tokens and back.
  const picture = (): Promise<string> => canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
  const whole = await picture();
  await keys.press('Enter');
  await until('single tokens are drawn', async () => (await picture()) !== whole);
  await workbench.screenshot('mask-tokens');
  await keys.press('Enter');
  await until('everything is drawn again', async () => (await picture()) === whole);
});

step('every control of the mask inspector is reached with Tab alone', async () => {
  await assertReachedWithTab(workbench, await maskPage(), [
    ...['Copy PNG', 'Copy SVG', 'Packing', 'Optimizer step', 'Bin of the step', 'Row of the dataset', 'Fit'],
    ...['Shared attention mask', 'Naive attention mask', 'Keys of a mask'],
  ]);
});

step('the mask in dark, light and high contrast', async () => {
  await inEveryTheme(session, 'mask', maskPage);
  await assertConfined(await maskPage(), 'mask');
});

step('the bin of a row is found, and the row opens in the editor', async () => {
  let frame = await maskPage();
  const row = 57;
  const field = frame.getByRole('spinbutton', { name: 'Row of the dataset' });
  await field.fill(String(row + 1));
  await field.press('Enter');
  const bin = plan.binOfRow(row);
  const stepOf = lastAtMost(plan.info.stepStart, bin);
  await until('its bin is shown', async () => {
    const shown = await frame.getByRole('spinbutton', { name: 'Optimizer step' }).inputValue();
    const inStep = await frame.getByRole('spinbutton', { name: 'Bin of the step' }).inputValue();
    return shown === String(stepOf + 1) && inStep === String(bin - plan.info.stepStart[stepOf]! + 1);
  });
  await until('its cell is explained', async () => (await frame.locator('.cell [role=status]').innerText()).includes(`row ${row + 1}`));
  await frame.locator('.cell vscode-button').click();
  await until('the dataset is open', async () => (await workbench.tabs()).includes('preferences.jsonl'));
  await until('at its row', async () => (await workbench.statusBar()).includes(`Ln ${row + 1}, Col 1`));
  await workbench.page.locator('.tab', { hasText: 'Masks: preferences.jsonl' }).click();
  frame = await maskPage();
  await field.page().keyboard.press('Escape');
  await frame.getByRole('spinbutton', { name: 'Row of the dataset' }).fill('100000');
  await frame.getByRole('spinbutton', { name: 'Row of the dataset' }).press('Enter');
  await until('a row that is not there is said', async () =>
    /No bin of this plan holds row/.test(await frame.locator('.said').innerText()),
  );
});

step('"Packing" shows all bins at one scale; a bin leads back to its mask', async () => {
  const mask = await maskPage();
  await mask.locator('vscode-button', { hasText: 'Packing' }).click();
  const frame = await packingPage();
  const { shared, naive } = await plan.packing();
  assert.equal((await figures(frame, 'Shared'))['Bins'], formatCount(shared.stepStart.at(-1)!));
  assert.equal((await figures(frame, 'Naive'))['Bins'], formatCount(naive.stepStart.at(-1)!));
  assert.match(await frame.locator('.saving').innerText(), /bins become .* Predicted speedup: \d/);
  for (const side of [0, 1]) {
    const canvas = frame.locator('canvas.stacks').nth(side);
    await until('the bins are drawn', async () => (await coloured(canvas)) > 1000);
  }
  await frame.getByRole('application', { name: 'Shared bins' }).focus();
  const keys = workbench.page.keyboard;
  for (const key of ['Home', 'ArrowRight', 'ArrowUp', 'ArrowUp']) await keys.press(key);
  const slice = await plan.packed('shared', 1, 2);
  const words = frame.locator('.spot [role=status]');
  await until('the bin and its segment are told', async () =>
    new RegExp(`^Shared, step 1, bin 2 of .*Segment: .* ${slice.segmentLength[1]} tokens?\\.$`).test(await words.innerText()),
  );
  await assertReachedWithTab(workbench, frame, ['Order of the bins', 'Fit', 'Naive bins', 'Shared bins']);
  await inEveryTheme(session, 'packing', packingPage);
  await assertConfined(await packingPage(), 'packing');
  await (await packingPage()).getByRole('application', { name: 'Shared bins' }).focus();
  await keys.press('Enter');
  const back = await maskPage();
  await until('the mask of the bin', async () => (await back.getByRole('spinbutton', { name: 'Bin of the step' }).inputValue()) === '2');
});

step('above a dataset stands the way to its masks, and they come back after a reload', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'preferences.jsonl' }).click();
  await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).click();
  const before = await maskPage();
  // A browser keeps what a window holds when the window loses the keys, here to the page.
  await workbench.page.locator('.tab', { hasText: 'Masks: preferences.jsonl' }).click();
  await before.getByRole('application', { name: 'Shared attention mask' }).click();
  await workbench.kept('wishbone.mask', 'max_length');
  await workbench.reload();
  await workbench.page.locator('.tab', { hasText: 'Masks: preferences.jsonl' }).click();
  const frame = await maskPage();
  assert.equal((await figures(frame, 'Shared'))['Tokens'], formatCount((await plan.bin(0)).shared.tokens.length));
});

step('what becomes of a run under its panel is said in it, and a damaged plan instead of it', async () => {
  const { folder } = await prepareRun({
    dataset,
    model: join(session.workspace, 'tiny-llama'),
    name: 'looked-at',
    plan: DEFAULT_PLAN,
    training: DEFAULT_TRAINING,
    runner: DEFAULT_RUNNER,
    runsFolder: join(session.workspace, '.wishbone/runs'),
  });
  const file = join(folder, 'plan.safetensors');
  const whole = await readFile(file);
  // The file may be the cache's too: another one takes its place.
  const replace = async (content: Buffer): Promise<void> => {
    await rm(file);
    await writeFile(file, content);
  };
  const show = async (): Promise<void> => {
    await workbench.command('View: Close All Editors');
    await workbench.command('Wishbone: Show Packing…');
    await workbench.pick('looked-at');
  };
  const refusal = async (): Promise<string> => {
    const frame = await workbench.webview('main#packing h1:has-text("No plan to show")');
    return frame.locator('[role=alert]').innerText();
  };
  await replace(whole.subarray(0, whole.length / 2));
  await show();
  assert.match(await refusal(), /plan\.safetensors/);
  await workbench.screenshot('packing-damaged');

  await replace(ofVersion(whole, 0));
  const frame = await workbench.webview('main#packing h1');
  await frame.locator('vscode-button', { hasText: 'Try Again' }).click();
  await until('the version is named', async () => /older version/.test(await refusal()));
  await workbench.screenshot('packing-old');

  await replace(whole);
  await frame.locator('vscode-button', { hasText: 'Try Again' }).click();
  assert.equal(await (await packingPage()).locator('h1').innerText(), 'looked-at');
  assert.deepEqual(await workbench.tabs(), ['Packing: looked-at'], 'the name of the run, not of its folder');
  await rm(folder, { recursive: true });
  const notice = frame.locator('.notice-area');
  await until('that the folder is gone is said', async () => /folder no longer exists/.test(await notice.innerText()));
  await workbench.screenshot('packing-gone');
  await assertAccessible(frame, 'a run that is gone');
});

/** A plan file that says it is of another version, as long as before. */
function ofVersion(plan: Buffer, version: number): Buffer {
  const text = plan.toString('latin1');
  const changed = text.replace('\\"version\\":1', `\\"version\\":${version}`);
  assert.notEqual(changed, text);
  return Buffer.from(changed, 'latin1');
}

step('pages that are narrow, or magnified, are read downwards alone', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.page.locator('.explorer-folders-view .monaco-list-row', { hasText: 'preferences.jsonl' }).click();
  await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect Masks' }).click();
  await (await maskPage()).locator('vscode-button', { hasText: 'Packing' }).click();
  await packingPage();
  await workbench.sideBar(false);
  await workbench.page.setViewportSize({ width: 360, height: 900 });
  for (const page of [packingPage, maskPage]) {
    await workbench.command(page === maskPage ? 'View: Open Previous Editor' : 'View: Open Last Editor in Group');
    const frame = await page();
    await frame.locator('.keys-help summary').click();
    await until('it does not move sideways', () =>
      frame.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth),
    );
    await workbench.screenshot(`${page === maskPage ? 'mask' : 'packing'}-narrow`);
  }
});
