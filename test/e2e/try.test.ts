import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import type { Frame } from 'playwright-core';
import { assertConfined } from './support/confined.js';
import { assertReachedWithTab } from './support/keyboard.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const run = promisify(execFile);

let session: Session;
let workbench: Workbench;

before(async () => {
  session = await Session.start();
  workbench = session.workbench;
  const runs = join(session.workspace, '.wishbone/runs');
  await run(process.execPath, [
    ...[cli, 'train', join(session.workspace, 'preferences.jsonl'), '--model', join(session.workspace, 'tiny-llama')],
    ...['--name', 'taught', '--preset', 'quick', '--max-steps', '12', '--runs', runs],
  ]);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('try-last').catch(() => undefined);
  await session?.stop();
});

function page(): Promise<Frame> {
  return workbench.webview('main#try .prompt');
}

async function complete(prompt: string): Promise<void> {
  const frame = await page();
  await frame.locator('.prompt').fill(prompt);
  await frame.locator('vscode-button', { hasText: 'Complete' }).click();
}

const newest = async () => (await page()).locator('.tried-box').first();

async function done(): Promise<{ policy: string; reference: string }> {
  const box = await newest();
  await until('both have written', async () => (await box.getAttribute('data-state')) === 'done');
  return { policy: await box.locator('.policy pre').innerText(), reference: await box.locator('.reference pre').innerText() };
}

test('a finished run has "Try It", and completes a prompt by policy and reference as the command line does', async () => {
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('taught');
  const panel = await workbench.webview('main#run .notice');
  await panel.locator('vscode-button', { hasText: 'Try It' }).click();
  const frame = await page();
  await frame.locator('[data-field="maxTokens"] input').fill('24');
  await complete('Name a prime.');
  const shown = await done();
  const runs = join(session.workspace, '.wishbone/runs');
  const folder = join(runs, (await readdir(runs)).find((name) => !name.startsWith('.'))!);
  const { stdout } = await run(process.execPath, [cli, 'sample', folder, '--prompt', 'Name a prime.', '--max-new-tokens', '24', '--json']);
  const { samples } = JSON.parse(stdout) as { samples: { policy: string; reference: string }[] };
  const plain = (text: string): string => text.replace(/\s+/g, ' ').trim();
  assert.deepEqual([plain(shown.policy), plain(shown.reference)], [plain(samples[0]!.policy), plain(samples[0]!.reference)]);
  assert.notEqual(shown.policy, '');
});

test('several prompts are kept, also over a reload, with what was typed', async () => {
  const frame = await page();
  await frame.locator('[data-field="temperature"] input').fill('1');
  await complete('Write a haiku.');
  await done();
  await frame.locator('.prompt').fill('Not sent yet');
  assert.equal(await frame.locator('.tried-box').count(), 2);
  await workbench.kept('Not sent yet');
  await workbench.reload();
  // A page that is brought back can be made twice.
  await until('both are back', async () => (await (await page()).locator('.tried-box').count()) === 2);
  const again = await page();
  assert.equal(await again.locator('.prompt').inputValue(), 'Not sent yet');
  assert.equal(await again.locator('[data-field="maxTokens"] input').inputValue(), '24');
});

test('a completion is cancelled while it is written, and what cannot be is said', async () => {
  const frame = await page();
  await frame.locator('[data-field="temperature"] input').fill('1');
  await frame.locator('[data-field="maxTokens"] input').fill('900');
  await frame.locator('[data-field="plain"] vscode-checkbox').click();
  await complete('Once');
  await frame.locator('vscode-button', { hasText: 'Cancel' }).click();
  const box = await newest();
  await until('it is over', async () => ['cancelled', 'done'].includes((await box.getAttribute('data-state')) ?? ''));
  await frame.locator('[data-field="maxTokens"] input').fill('100000');
  await complete('Too long');
  const failed = await newest();
  await until('it is said', async () => /more than the model's/.test(await failed.innerText()));
  await frame.locator('[data-field="maxTokens"] input').fill('0');
  await until('a wrong value is said', async () =>
    /whole number from 1/.test(await frame.locator('[data-field="maxTokens"] .field-text').innerText()),
  );
  await frame.locator('[data-field="maxTokens"] input').fill('24');
});

test('one is removed, one is used again', async () => {
  const frame = await page();
  const count = await frame.locator('.tried-box').count();
  await (await newest()).locator('vscode-button', { hasText: 'Remove' }).click();
  await until('it is gone', async () => (await frame.locator('.tried-box').count()) === count - 1);
  await frame.locator('.tried-box').last().locator('vscode-button', { hasText: 'Use Again' }).click();
  assert.equal(await frame.locator('.prompt').inputValue(), 'Name a prime.');
});

test('the panel in every theme, with keys alone, for screen readers, and confined', async () => {
  await assertReachedWithTab(workbench, await page(), [
    'Prompt',
    'Maximum tokens',
    'Temperature',
    'Seed',
    'Complete',
    'Copy All',
    'Remove',
  ]);
  await (await page()).evaluate(() => window.scrollTo(0, 0));
  await inEveryTheme(session, 'try', page);
  await assertConfined(await page(), 'try it');
});

test('it is found from the tree and the palette', async () => {
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Try It…');
  await workbench.pick('taught');
  await page();
});
