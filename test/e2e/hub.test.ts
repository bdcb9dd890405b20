// From an empty folder and an empty cache to a trained model by ids alone, against a hub on loopback.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { type StandInHub, standInHub } from '../support/stand-in-hub.js';
import { LaunchForm } from './support/form.js';
import { runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { inEveryTheme } from './support/themes.js';
import { until, type Workbench } from './support/workbench.js';

const examples = resolve(import.meta.dirname, '../../examples');
const model = Object.fromEntries(
  readdirSync(join(examples, 'tiny-llama')).map((name) => [name, readFileSync(join(examples, 'tiny-llama', name))]),
);
const pairs = readFileSync(join(examples, 'preferences.jsonl'), 'utf8').trim().split('\n');
const lines = (rows: readonly string[]): string => `${rows.join('\n')}\n`;

let hub: StandInHub;
let folder: string;
let session: Session;
let workbench: Workbench;
let form: LaunchForm;

before(async () => {
  hub = await standInHub([
    { kind: 'model', name: 'wish/tiny-llama', files: model, parameters: 1_049_856 },
    { kind: 'model', name: 'wish/gated-llama', files: model, gated: true },
    {
      kind: 'model',
      name: 'wish/other-kind',
      files: { ...model, 'config.json': '{"model_type":"mamba","architectures":["MambaForCausalLM"]}' },
    },
    {
      kind: 'dataset',
      name: 'wish/pairs',
      files: { 'train.jsonl': lines(pairs.slice(0, 64)), 'test.jsonl': lines(pairs.slice(64, 80)) },
      formerly: ['wish/old-pairs'],
    },
  ]);
  folder = await mkdtemp(join(tmpdir(), 'wishbone-e2e-hub-'));
  const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: join(folder, 'hub'), HF_TOKEN: '', HF_TOKEN_PATH: join(folder, 'token') };
  session = await Session.start({ empty: true, env });
  workbench = session.workbench;
  form = new LaunchForm(workbench);
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('hub-last').catch(() => undefined);
  await session?.stop();
  await hub?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

const shows = (field: string, what: RegExp): Promise<true> =>
  until(`${field} says ${what.source}`, async () => what.test(await form.text(field)));

test('what cannot be had is said at its field, with the page and a way to ask again', async () => {
  await form.open();
  await form.type('model', 'wish/nowhere');
  await shows('model', /the hub has no model wish\/nowhere, or it is private/);
  await form.type('model', 'wish/gated-llama');
  // Of a gated one everybody may see what there is, and its files nobody.
  await shows('model', /gated: its owner decides who may download it: ask for access at http/);
  const frame = await form.frame();
  const links = frame.locator('[data-field="model"] .field-actions button');
  assert.deepEqual(await links.allInnerTexts(), ['Open page', 'Try again']);
  await form.type('model', 'wish/other-kind');
  await shows('model', /architecture is not supported/);
  assert.deepEqual(await readdir(join(folder, 'hub')).catch(() => []), [], 'nothing of it was fetched');
  await inEveryTheme(session, 'hub-refused', () => form.frame());
});

test('from an empty folder to a trained model by ids alone: looked up, counted, fetched on start, pinned by commit', async () => {
  await form.fresh();
  await form.type('dataset', 'wish/old-pairs#train');
  await form.type('model', 'wish/tiny-llama');
  const commit = hub.commit('model', 'wish/tiny-llama');
  await shows('model', new RegExp(`llama, 1\\.0M parameters, .*6 files, .* MiB to download, commit ${commit.slice(0, 12)}`));
  await shows('dataset', /1 file, .* to download, now called wish\/pairs, commit/);
  assert.equal(await form.value('training.learning_rate'), '2e-4', 'suits the model before it is here');
  const frame = await form.frame();
  const downloads = frame.locator('.downloads');
  await until('what is to be downloaded is listed', async () => (await downloads.locator('li').count()) === 2);
  assert.match((await downloads.textContent()) ?? '', /MiB from 127\.0\.0\.1:\d+ into .*, where .* are free/);
  await inEveryTheme(session, 'hub-wanted', () => form.frame());
  await workbench.page.setViewportSize({ width: 820, height: 760 });
  await until('the start is in view, however small the window', async () => {
    const box = await frame.locator('vscode-button', { hasText: 'Download and Start Run' }).boundingBox();
    return box !== null && box.y + box.height < 760;
  });
  await workbench.screenshot('hub-narrow');
  await workbench.page.setViewportSize({ width: 1440, height: 900 });
  assert.ok(!hub.asked.some(({ path }) => path.startsWith('/cdn/')), 'nothing is fetched before somebody says so');
  await form.type('plan.epochs', '1');
  await form.type('name', 'by ids alone');
  // Slow enough to be seen.
  hub.faults.speed = 400_000;
  await frame.locator('vscode-button', { hasText: 'Download and Start Run' }).click();
  await until('how far it is', async () => / of .* MiB/.test((await downloads.locator('.status').textContent()) ?? ''));
  await workbench.screenshot('hub-running');
  await downloads.locator('vscode-button', { hasText: 'Cancel Download' }).click();
  await until('it has stopped', async () => /What came is kept/.test((await downloads.textContent()) ?? ''));
  assert.equal((await runsIn(session.workspace)).length, 0);
  delete hub.faults.speed;
  await frame.locator('vscode-button', { hasText: 'Download and Start Run' }).click();
  const run = await until('the first step', async () => {
    const [found] = await runsIn(session.workspace);
    return (await found?.ofType('step'))?.length ? found : undefined;
  });
  await until('it ends', async () => (await run.ofType('finished')).length === 1);
  const [id] = (await readdir(join(session.workspace, '.wishbone/runs'))).filter((name) => !name.startsWith('.'));
  const config = JSON.parse(await readFile(join(session.workspace, '.wishbone/runs', id!, 'run.json'), 'utf8')) as {
    model: { hub: unknown };
    dataset: { hub: unknown; pairs: number };
  };
  assert.deepEqual(config.model.hub, { id: 'wish/tiny-llama', revision: commit });
  assert.deepEqual(config.dataset.pairs, 64);
});

test('the list of models says of each what it is, whether it fits here, and searches the hub', async () => {
  const frame = await form.fresh();
  const list = workbench.page.locator('.quick-input-list .monaco-list-row');
  const input = workbench.page.locator('.quick-input-widget .quick-input-box input');
  await frame.locator('[data-field="model"] vscode-button', { hasText: 'Choose' }).click();
  const rows = async (): Promise<string[]> => (await list.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '));
  const listed = (what: RegExp): Promise<true> =>
    until(`${what.source} is listed`, async () => {
      const texts = await rows();
      return texts.some((row) => what.test(row)) || Promise.reject(new Error(texts.join(' | ')));
    }).catch(async (error: Error) => {
      await workbench.screenshot('hub-pick-last');
      throw new Error(`${error.message}: ${String(error.cause)}`);
    });
  await listed(/wish\/tiny-llama.*llama, 1\.0M parameters, .* fits here: .* of .* on the CPU/);
  await workbench.screenshot('hub-pick-model');
  await input.fill('wish');
  await listed(/wish\/gated-llama ?1,234 downloads a month, gated/);
  await listed(/wish\/other-kind.*the model type "mamba" is not supported/);
  await workbench.screenshot('hub-pick-search');
  await input.fill('wish/tiny-llama@main');
  await listed(/wish\/tiny-llama@main ?as typed/);
  await workbench.pick('wish/tiny-llama@main');
  await until('it is in the field', async () => (await form.value('model')) === 'wish/tiny-llama@main');
  await shows('model', /in the Hugging Face cache/);

  await frame.locator('[data-field="dataset"] vscode-button', { hasText: 'Choose' }).click();
  await listed(/wish\/old-pairs#train/);
  await input.fill('pairs');
  await listed(/wish\/pairs ?1,234 downloads a month/);
  await workbench.screenshot('hub-pick-dataset');
  await workbench.pick('1,234 downloads a month');
  // It has two parts.
  await workbench.pick('test');
  await until('its part is in the field', async () => (await form.value('dataset')) === 'wish/pairs#test');
  await shows('dataset', /1 file, .* to download/);
  await frame.locator('.downloads vscode-button', { hasText: 'Download' }).first().click();
  assert.equal((await form.figures())['Pairs'], '16', 'downloaded without a start');
});

test('a run config by ids opens a form of ids', async () => {
  const file = join(session.workspace, 'ids.wishbone.json');
  await writeFile(file, JSON.stringify({ version: 1, model: 'wish/tiny-llama', dataset: 'wish/pairs#test:0.5' }));
  await workbench.command('View: Close All Editors');
  await workbench.command('Wishbone: Launch Run from Config…');
  await workbench.pick('ids.wishbone.json');
  await until('its fields', async () => (await form.value('dataset')) === 'wish/pairs#test:0.5');
  assert.equal((await form.figures())['Pairs'], '8', 'half of them');
});

test('the hub is reached by the proxy of the settings', async () => {
  await session.userSettings({ 'http.proxy': 'http://127.0.0.1:9' });
  await workbench.reload();
  await form.fresh();
  await form.type('model', 'wish/behind-a-proxy');
  await shows('model', /the hub does not answer: .*127\.0\.0\.1:9/i);
  await workbench.screenshot('hub-proxy');
  assert.ok(!hub.asked.some(({ path }) => path.includes('behind-a-proxy')), 'and nobody past it');
  await session.userSettings({});
  await workbench.reload();
  await form.fresh();
  await form.type('model', 'wish/behind-a-proxy');
  await shows('model', /the hub has no model/);
  const asked = hub.asked.length;
  await (await form.frame()).locator('[data-field="model"] .field-actions button', { hasText: 'Try again' }).click();
  await until('it is asked again', async () => hub.asked.length > asked);
});

test('the next form knows the ids, from the cache', async () => {
  await hub.close();
  await form.fresh();
  assert.deepEqual(
    [await form.value('dataset'), await form.value('model')],
    ['wish/old-pairs#train', 'wish/tiny-llama'],
    'those of the run',
  );
  await shows('model', /llama, 1\.0M parameters, .*in the Hugging Face cache, commit/);
  const figures = await form.figures();
  assert.deepEqual([figures['Pairs'], figures['Steps']], ['64', '24'], '64 pairs, 8 a step, 3 epochs');
});
