// From a finished run's panel to a GGUF file and to a repository on the hub, which is one on loopback.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before } from 'node:test';
import { promisify } from 'node:util';
import { readGguf } from '../support/gguf.js';
import { type StandInHub, standInHub, TOKEN } from '../support/stand-in-hub.js';
import { type RunOnDisk, runsIn } from './support/runs.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { until, type Workbench } from './support/workbench.js';

const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const step = oneAfterAnother();
let hub: StandInHub;
let session: Session;
let workbench: Workbench;
let run: RunOnDisk;

before(async () => {
  hub = await standInHub([]);
  // What the editor is started with; it reads them as Python does.
  Object.assign(process.env, { HF_ENDPOINT: hub.endpoint, HF_TOKEN: TOKEN });
  session = await Session.start();
  workbench = session.workbench;
  await workbench.open(session.url);
  await workbench.command('Wishbone: Focus on Runs View');
  const options = ['--model', 'tiny-llama', '--name', 'small one', '--max-steps', '2', '--batch-size', '4', '--backend', 'cpu'];
  await promisify(execFile)(process.execPath, [cli, 'train', 'preferences.jsonl', ...options], { cwd: session.workspace });
  [run] = (await runsIn(session.workspace)) as [RunOnDisk];
  await until('the run is opened', async () => {
    await workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'small one' }).click();
    return (await workbench.tabs()).includes('small one');
  });
  await workbench.clearNotifications();
});

after(async () => {
  await workbench?.screenshot('hand-on-last').catch(() => undefined);
  await session?.stop();
  await hub?.close();
});

async function press(button: string): Promise<void> {
  const frame = await workbench.webview('main#run h1');
  await frame.locator('.notice.good vscode-button', { hasText: button }).click();
}

step('the model is written for llama.cpp and Ollama, and replaced only when that is said', async () => {
  await press('Export as GGUF');
  await workbench.pick('Q8_0');
  const file = join(run.folder, 'gguf', 'small-one-q8_0.gguf');
  await until('it is said where', async () =>
    (await workbench.notifications()).some((text) => text.includes('gguf/small-one-q8_0.gguf') && text.includes('Modelfile')),
  );
  assert.equal((await readGguf(file)).fields.get('general.architecture')?.value, 'llama');
  assert.match(await readFile(join(run.folder, 'gguf', 'small-one-q8_0.Modelfile'), 'utf8'), /^(# .*\n)*FROM \.\/small-one-q8_0\.gguf\n/);
  await workbench.clearNotifications();
  await press('Export as GGUF');
  await workbench.pick('Q8_0');
  const dialog = workbench.page.locator('.monaco-dialog-box', { hasText: 'has been written as Q8_0 before' });
  await dialog.locator('.monaco-button', { hasText: 'Replace' }).click();
  await until('it is written again', async () => (await workbench.notifications()).some((text) => text.includes('small-one-q8_0.gguf')));
  await access(file);
  await workbench.clearNotifications();
});

/** Of a run with GGUF files, what is uploaded is asked. */
async function pressUpload(what: 'Model' | 'GGUF files'): Promise<void> {
  await press('Upload to Hub');
  await workbench.pick(what);
}

step('the model is uploaded to a private repository, and one that is there is changed only when that is said', async () => {
  await pressUpload('Model');
  await workbench.type('Upload small one to the Hub', 'wish/small');
  await until('it is uploaded', async () => (await workbench.notifications()).some((text) => text.includes('is uploaded to wish/small')));
  const uploaded = hub.model('wish/small')!;
  assert.equal(uploaded.isPrivate, true);
  for (const [name, { bytes }] of uploaded.files) assert.ok(!bytes.includes(session.workspace), name);
  await workbench.clearNotifications();
  const commit = hub.commit('model', 'wish/small');
  await pressUpload('Model');
  await workbench.type('Upload small one to the Hub', 'wish/small');
  const dialog = workbench.page.locator('.monaco-dialog-box', { hasText: 'There is a repository wish/small already' });
  await dialog.locator('.monaco-button', { hasText: 'Cancel' }).click();
  assert.equal(hub.commit('model', 'wish/small'), commit);
});

step('its GGUF files go into a repository of their own, which names the model', async () => {
  await workbench.clearNotifications();
  await press('Upload to Hub');
  const choice = workbench.page.locator('.quick-input-list .monaco-list-row', { hasText: 'GGUF files' });
  await choice.waitFor();
  await workbench.screenshot('hand-on-what');
  await workbench.pick('GGUF files');
  await workbench.type('Upload small one to the Hub', 'wish/small-GGUF');
  await until('they are uploaded', async () =>
    (await workbench.notifications()).some((text) => text.includes('is uploaded to wish/small-GGUF')),
  );
  const { files, isPrivate } = hub.model('wish/small-GGUF')!;
  assert.equal(isPrivate, true);
  assert.ok(files.get('small-one-q8_0.gguf')!.isLarge && files.has('small-one-q8_0.Modelfile'));
  assert.match(files.get('README.md')!.bytes.toString(), /^---\nbase_model: .*\nbase_model_relation: /);
});
