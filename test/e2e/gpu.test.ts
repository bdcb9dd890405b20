import assert from 'node:assert/strict';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { fakeIndex, type FakeIndex, LIBRARY_CONTENT } from '../unit/cuda-library/fake-index.js';
import { Session } from './support/session.js';
import { oneAfterAnother } from './support/steps.js';
import { until, type Workbench } from './support/workbench.js';

let session: Session;
let workbench: Workbench;
let server: FakeIndex;
/** Where the extension keeps the library. */
let kept: string;
const step = oneAfterAnother();

/** A runner that finds a GPU once it is given a library: what it prints is what the real one does. */
const RUNNER = `#!/bin/sh
if [ -s "$WISHBONE_CUBLASLT" ]; then
  echo '{"backends":[{"name":"cpu","available":true,"devices":[{"name":"a CPU"}]},{"name":"cuda","available":true,"devices":[{"name":"NVIDIA H100","memory":85000000000,"capability":"9.0"}]}]}'
else
  echo '{"backends":[{"name":"cpu","available":true,"devices":[{"name":"a CPU"}]},{"name":"cuda","available":false,"devices":[],"problem":"cuBLASLt 13 (libcublasLt.so.13) is not on this machine"}]}'
fi
`;

before(async () => {
  server = await fakeIndex();
  session = await Session.start();
  workbench = session.workbench;
  const folder = dirname(session.workspace);
  const runner = join(folder, 'runner');
  await writeFile(runner, RUNNER);
  await chmod(runner, 0o755);
  await session.machineSettings({ 'wishbone.runner.path': runner, 'wishbone.gpu.indexUrl': server.index });
  kept = join(folder, 'server/data/User/globalStorage/wishbone.wishbone/cuda');
  await workbench.open(session.url);
});

after(async () => {
  await workbench?.screenshot('gpu-last').catch(() => undefined);
  await session?.stop();
  await server?.close();
});

const said = (what: RegExp): Promise<true> =>
  until(`it says ${what.source}`, async () => (await workbench.notifications()).some((text) => what.test(text)));

/** Asks for the set-up, and agrees or not. */
async function setUp(answer: string): Promise<string> {
  await workbench.command('Wishbone: Set Up GPU…');
  const dialog = workbench.page.locator('.monaco-dialog-box');
  await dialog.waitFor();
  const text = await dialog.innerText();
  await workbench.screenshot('gpu-consent');
  await dialog.locator('.monaco-button', { hasText: answer }).click();
  await dialog.waitFor({ state: 'hidden' });
  return text;
}

step('the Devices view says what is missing and leads to the set-up', async () => {
  await workbench.command('Wishbone: Focus on Devices View');
  const row = workbench.page.locator('.part.sidebar .monaco-list-row', { hasText: 'No GPU' });
  await row.waitFor();
  assert.match(await row.innerText(), /cuBLASLt 13/);
  await row.hover();
  await row.locator('.action-label[aria-label*="Set Up GPU"]').waitFor();
});

step('the launch form warns that the GPU cannot be used yet', async () => {
  await workbench.command('Wishbone: Launch Run…');
  const frame = await workbench.webview('main#launch .field');
  await until('it warns', async () =>
    /The GPU cannot be used yet: cuBLASLt 13 .*Set Up GPU/.test(
      await frame.locator('[data-field="runner.backend"] .field-text').innerText(),
    ),
  );
  await workbench.command('View: Close All Editors');
});

step('nothing is fetched without consent, which names size and source', async () => {
  const text = await setUp('Cancel');
  assert.match(text, /nvidia_cublas-13\.1\.0\.3[^]*MiB, from 127\.0\.0\.1[^]*SHA-256/);
  assert.ok(!server.asked.some(({ path }) => path.startsWith('/files/')));
});

step('a damaged file is refused, and leaves nothing', async () => {
  server.faults.wrongHash = true;
  await setUp('Download');
  await said(/not what was promised/);
  assert.deepEqual(await readdir(kept), []);
  server.faults.wrongHash = false;
  await workbench.clearNotifications();
});

step('it is cancelled while it comes, and goes on later from where it was', async () => {
  server.faults.slow = true;
  await setUp('Download');
  const progress = workbench.page.locator('.notification-list-item', { hasText: /Downloading/ });
  await progress.waitFor();
  await until('something has come', async () => (await readdir(kept)).length === 1);
  await progress.locator('.monaco-button', { hasText: 'Cancel' }).click();
  await said(/The next attempt continues from there/);
  await workbench.clearNotifications();
  server.faults.slow = false;
  server.faults.cuts = [300];
});

step('with a connection that is cut once: fetched, checked by the runner, and shown as a device', async () => {
  const text = await setUp('Download');
  assert.match(text, /are already here from an earlier attempt/);
  await said(/The GPU is ready: NVIDIA H100/);
  assert.ok((await readFile(join(kept, 'libcublasLt.so.13'))).equals(LIBRARY_CONTENT));
  assert.deepEqual(await readdir(kept), ['libcublasLt.so.13']);
  await until('the view shows it', async () => /NVIDIA H100/.test(await workbench.page.locator('.part.sidebar').innerText()));
  assert.ok(
    server.asked.some(({ range }) => /^bytes=[1-9]/.test(range ?? '')),
    'it went on from where it was',
  );
});

step('the form offers it', async () => {
  await workbench.clearNotifications();
  await workbench.command('Wishbone: Launch Run…');
  const frame = await workbench.webview('main#launch .field');
  await until('it is offered', async () =>
    /auto: NVIDIA H100/.test((await frame.locator('[data-field="runner.backend"]').textContent()) ?? ''),
  );
});

step('a terminal has the command line, which knows of it too', async () => {
  await workbench.command('Wishbone: Open Terminal with Wishbone');
  const output = join(dirname(session.workspace), 'output');
  await workbench.page.locator('.terminal-wrapper.active .xterm-helper-textarea').waitFor({ state: 'attached' });
  await until('it answers', async () => {
    const text = await readFile(output, 'utf8').catch(() => '');
    if (/ready: NVIDIA H100/.test(text)) return true;
    await workbench.page.locator('.terminal-wrapper.active .xterm-helper-textarea').focus();
    await workbench.page.keyboard.type(`wishbone setup-gpu --check > ${output}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    return false;
  });
  await workbench.screenshot('gpu-terminal');
});

step('it is removed again', async () => {
  await workbench.command('Wishbone: Set Up GPU…');
  const offer = workbench.page.locator('.notification-list-item', { hasText: 'The GPU is ready' });
  await offer.locator('.monaco-button', { hasText: 'Remove' }).click();
  await until('it is gone', async () => (await readdir(kept).catch(() => [])).length === 0);
});
