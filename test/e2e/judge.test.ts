// Completions of a run, judged by a server of ours on loopback: from the run panel and the palette, with a key, stopped and gone on with.

import assert from 'node:assert/strict';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import type { Frame } from 'playwright-core';
import { briefData, outcome } from '../cli/support.js';
import { type Question, type StandInJudge, standInJudge } from '../support/stand-in-judge.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const KEY = 'sk-test-0123456789abcdef';

/** Wants more of prompts of an even length, and less of others. */
function sometimesLonger({ prompt, a, b }: Question): string {
  if (a.length === b.length) return 'They say as much.\ntie';
  const wantsMore = prompt.length % 2 === 0;
  return `${wantsMore ? 'More' : 'Less'} was asked for.\n${a.length > b.length === wantsMore ? 'A' : 'B'}`;
}

const step = oneAfterAnother();
let session: Session;
let workbench: Workbench;
let server: StandInJudge;

before(async () => {
  server = await standInJudge(sometimesLonger, KEY);
  session = await Session.start();
  workbench = session.workbench;
  await copyFile(briefData(), join(session.workspace, 'preferences.jsonl'));
  await trainedRun('tuned', '--eval-fraction', '0.3', '--eval-steps', '8');
  await trainedRun('blind');
  await settings();
  await workbench.open(session.url);
  await workbench.page.setViewportSize({ width: 1200, height: 1000 });
});

after(async () => {
  await workbench?.screenshot('judge-last').catch(() => undefined);
  await session?.stop();
  await server?.stop();
});

async function trainedRun(name: string, ...more: string[]): Promise<void> {
  const { workspace } = session;
  const data = [join(workspace, 'preferences.jsonl'), '--model', join(workspace, 'tiny-llama'), '--name', name];
  const options = [
    '--preset',
    'quick',
    '--epochs',
    '1',
    '--learning-rate',
    '1e-2',
    '--batch-size',
    '8',
    '--runs',
    join(workspace, '.wishbone/runs'),
  ];
  const cli = join(import.meta.dirname, '../../dist/cli.js');
  const trained = await outcome(process.execPath, [cli, 'train', ...data, ...options, ...more]);
  assert.equal(trained.code, 0, trained.stderr);
}

const settings = (): Promise<void> =>
  session.settings({ 'wishbone.judge.url': server.url, 'wishbone.judge.model': 'stand-in', 'wishbone.judge.outputPrice': 10 });

const page = (): Promise<Frame> => workbench.webview('main#run .judged[open]');
const dialog = () => workbench.page.locator('.monaco-dialog-box');

/** Answers what is asked before completions are judged, up to the key. */
async function choose(side: string, judge: string, count: string): Promise<void> {
  await workbench.page.locator('.quick-input-title', { hasText: 'Judge Completions of' }).waitFor();
  await workbench.pick(side);
  await workbench.page.locator('.quick-input-title', { hasText: /^Judge$/ }).waitFor();
  await workbench.pick(judge);
  if (judge === 'Regular expression') await workbench.type('Regular Expression', '[.!?]$');
  await workbench.type('Prompts', count);
}

step('a run that nothing was judged of says so, with a button', async () => {
  await workbench.command('Wishbone: Open Run');
  await workbench.pick('tuned');
  const panel = await workbench.webview('main#run .judged');
  await panel.locator('.judged summary').click();
  const frame = await page();
  await frame.locator('.judged-state', { hasText: 'No completions of this run were judged yet.' }).waitFor();
  await frame.locator('.judged-controls vscode-button', { hasText: 'Judge Completions…' }).scrollIntoViewIfNeeded();
  await workbench.screenshot('judge-empty');
});

step('the key is asked for, then what it takes is said, and a no asks nobody', async () => {
  const frame = await page();
  const button = frame.locator('.judged-controls vscode-button', { hasText: 'Judge Completions…' });
  await button.focus();
  await button.press('Enter');
  await choose('Its reference', 'stand-in', '4');
  await workbench.type('Key for http://127.0.0.1', KEY);
  await dialog().waitFor();
  const text = await dialog().innerText();
  assert.match(text, /Have stand-in at 127\.0\.0\.1:\d+ judge\?/);
  assert.match(text, /tuned beside reference, on 4 prompts in both orders/);
  assert.match(text, /8 completions will be made on this machine first/);
  assert.match(text, /At most 8 requests: about [\d,]+ tokens in, at most 4,096 out/);
  assert.match(text, /At most 0\.0410, at the prices of the settings/);
  await workbench.screenshot('judge-cost');
  await dialog().locator('.monaco-button', { hasText: 'Cancel' }).click();
  await dialog().waitFor({ state: 'hidden' });
  assert.equal(server.questions.length, 0);
});

step('judging that is stopped leaves what is there, in the panel', async () => {
  server.judge = (question) => (question.number <= 3 ? sometimesLonger(question) : 'silent');
  const frame = await page();
  await frame.locator('.judged-controls vscode-button', { hasText: 'Judge Completions…' }).click();
  // The key is known now.
  await choose('Its reference', 'stand-in', '4');
  await dialog()
    .locator('.monaco-button', { hasText: /^Judge$/ })
    .click();
  const progress = workbench.page.locator('.notification-list-item', { hasText: 'Judging tuned beside reference' });
  await until('three were judged', async () => /judging, \d+ of 8/.test(await progress.innerText()) && server.questions.length >= 4);
  await workbench.screenshot('judge-progress');
  await progress.locator('.monaco-button', { hasText: 'Cancel' }).click();
  await until('it says so', async () => (await workbench.notifications()).some((text) => /stopped\. What is there is kept/.test(text)));
  const after = await page();
  await until('what is missing is told', async () => /Not judged/.test(await after.locator('.judged-figures').innerText()));
  await workbench.clearNotifications();
});

step('the palette goes on, and every verdict can be read', async () => {
  const before = server.questions.length;
  server.judge = sometimesLonger;
  await workbench.command('Wishbone: Judge Completions…');
  await workbench.pick('tuned');
  await choose('Its reference', 'stand-in', '4');
  await dialog()
    .locator('.monaco-button', { hasText: /^Judge$/ })
    .click();
  const frame = await page();
  await until('all are judged', async () => !/Not judged/.test(await frame.locator('.judged-figures').innerText()));
  assert.ok(server.questions.length - before <= 5, 'what was judged is not asked again');
  assert.match(await frame.locator('.judged-state').innerText(), /^No difference is shown at this size/);
  assert.match(
    await frame.locator('.judged-answer > .note').innerText(),
    /Judge: stand-in at 127\.0\.0\.1:\d+\. 4 prompts of preferences\.jsonl/,
  );
  assert.deepEqual(await frame.locator('.judged-rate .name').allInnerTexts(), ['Win rate', 'Length-controlled']);
  assert.match(await frame.locator('.judged-rate .interval').first().innerText(), /^95 %: [\d.]+% to [\d.]+%$/);
  const verdicts = frame.locator('.judged-list > li');
  assert.equal(await verdicts.count(), 4);
  const judged = frame.locator('.judged-list details', { has: frame.locator('.is-win, .is-loss') }).first();
  await judged.locator('summary').press('Enter');
  await judged.locator('h3').nth(4).waitFor();
  assert.deepEqual((await judged.locator('h3').allInnerTexts()).slice(0, 3), ['Prompt', 'tuned', 'reference']);
  assert.match(await judged.locator('h3').nth(3).innerText(), /^tuned shown first: (tuned|reference) is better$/);
  assert.match(await judged.locator('pre').nth(3).innerText(), /^(More|Less) was asked for\.\n(A|B)$/);
  await frame.locator('.judged summary').first().scrollIntoViewIfNeeded();
  await inEveryTheme(session, 'judge', page);
  await settings();
  await judged.scrollIntoViewIfNeeded();
  await workbench.screenshot('judge-verdict');
});

step('verdicts are chosen by how they ended', async () => {
  const frame = await page();
  const outcomes = await frame
    .locator('.judged-list details')
    .evaluateAll((all) => all.map((each) => (each as HTMLElement).dataset['outcome']));
  const wanted = outcomes.includes('loss') ? (['Lost', 'loss'] as const) : (['Won', 'win'] as const);
  await frame.locator('.judged-verdicts vscode-dropdown').click();
  await frame.locator('.judged-verdicts vscode-option', { hasText: wanted[0] }).click();
  await until('only those are there', async () => {
    const shown = await frame
      .locator('.judged-list details')
      .evaluateAll((all) => all.map((each) => (each as HTMLElement).dataset['outcome']));
    return shown.length === outcomes.filter((each) => each === wanted[1]).length && shown.every((each) => each === wanted[1]);
  });
});

step('a rule needs no key and no question, another run is another side, and both comparisons stay', async () => {
  const before = server.questions.length;
  await workbench.command('Wishbone: Judge Completions…');
  await workbench.pick('tuned');
  await choose('blind', 'Regular expression', '2');
  const frame = await page();
  await frame.locator('.judged-answer > .note', { hasText: 'tuned beside blind. Judge: the rule: matches [.!?]$' }).waitFor();
  assert.equal(server.questions.length, before);
  assert.equal(await frame.locator('.judged-list > li').count(), 2);
  await frame.locator('.judged-controls vscode-dropdown').click();
  await frame.locator('.judged-controls vscode-option', { hasText: 'Beside reference' }).click();
  await frame.locator('.judged-answer > .note', { hasText: 'tuned beside reference' }).waitFor();
});

step('a server that refuses is said once, with what to do, and the key is in no file', async () => {
  server.judge = () => ({ status: 404, text: JSON.stringify({ error: { message: `no such model for ${KEY}` } }) });
  await workbench.command('Wishbone: Judge Completions…');
  await workbench.pick('tuned');
  await choose('Rejected responses', 'stand-in', '2');
  await dialog()
    .locator('.monaco-button', { hasText: /^Judge$/ })
    .click();
  await until('the error is shown', async () =>
    (await workbench.notifications()).some((text) => /The judge answered 404: no such model for \[key\]/i.test(text)),
  );
  await workbench.screenshot('judge-error');
  const folder = join(session.workspace, '.wishbone/runs');
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (file) => file.isFile() && /judge/.test(file.parentPath),
  );
  assert.ok(files.length >= 3);
  for (const file of files) assert.ok(!(await readFile(join(file.parentPath, file.name), 'utf8')).includes(KEY));
  await workbench.clearNotifications();
  await workbench.command('Wishbone: Forget Judge Key…');
  await until('it is forgotten', async () =>
    (await workbench.notifications()).some((text) => /Nothing is stored for http:\/\/127/.test(text)),
  );
});
