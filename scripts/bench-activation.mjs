// What the extension costs a window: `npm run bench:activation [-- --rounds 5]`. Opens workspaces in a real VS Code in a real
// Chromium and prints what "Developer: Show Running Extensions" says of Wishbone: whether it was activated, by what, and how
// long that took, loading its code included.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findBrowser } from './browser.mjs';
import { build } from './build.mjs';
import { processOf, threadsOf } from './editor/processes.mjs';
import { Page } from './editor/page.mjs';
import { activationOf, command, focus, openFile, ready } from './editor/window.mjs';
import { pack } from './package.mjs';
import { setup } from './setup.mjs';
import { Failure, main, root, run } from './shell.mjs';
import { installExtension, installServer, startServer } from './vscode-server.mjs';

const patience = 300_000;
/** After it whatever comes with a start is over. */
const settling = 5000;

const plain = { 'README.md': '# Notes\n', 'package.json': '{ "name": "notes", "version": "1.0.0" }\n', 'src/main.py': 'print(1)\n' };
const pairs = await readFile(join(root, 'examples/preferences.jsonl'), 'utf8');
const cases = [
  { what: 'no preference data, nothing open', files: plain, open: undefined },
  { what: 'no preference data, package.json open', files: plain, open: 'package.json' },
  { what: 'a preference file, nothing open', files: { ...plain, 'pairs.jsonl': pairs }, open: undefined },
  { what: 'a preference file, open', files: { ...plain, 'pairs.jsonl': pairs }, open: 'pairs.jsonl' },
];

/** One window; resolves to its activation and to the threads of the extension host that the checks have started. */
async function measure({ files, open }, server, workspace) {
  await rm(workspace, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(workspace, name)), { recursive: true });
    await writeFile(join(workspace, name), text);
  }
  const page = await Page.open(findBrowser(), patience);
  try {
    await page.go(server.address(workspace));
    await ready(page);
    if (open !== undefined) {
      await openFile(page, open);
      await focus(page, open);
    }
    await sleep(settling);
    await command(page, 'Developer: Show Running Extensions');
    const threads = threadsOf(processOf(server.pid, /--type=extensionHost/));
    return { activation: await activationOf(page, 'Wishbone'), threads };
  } finally {
    await page.close();
  }
}

await main(async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
  const rounds = Number(values.rounds);
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Failure('bench: --rounds takes a whole number from 1');
  await setup({ server: true, browser: true });
  await build();
  // The runner is packed along, not used.
  if (!existsSync(join(root, 'dist/bin/wishbone-runner'))) await run(process.execPath, ['scripts/build-native.mjs']);
  const vsix = await pack();
  await installServer();
  const folder = await mkdtemp(join(tmpdir(), 'wishbone-bench-'));
  const folders = { data: join(folder, 'server'), extensions: join(folder, 'extensions') };
  await installExtension(vsix, folders);
  const server = await startServer(folders);
  try {
    console.log(`${rounds} windows each, ${availableParallelism()} cores of ${cpus()[0]?.model}`);
    for (const one of cases) {
      const found = [];
      for (let round = 0; round < rounds; round++) found.push(await measure(one, server, join(folder, 'workspace')));
      const times = found.flatMap(({ activation }) => activation ?? []).sort((a, b) => a - b);
      const shown =
        times.length === 0
          ? 'not activated'
          : `activated in ${times[times.length >> 1]} ms (${times.join(', ')})${times.length < rounds ? `, in ${times.length} of ${rounds} windows` : ''}`;
      console.log(`${one.what.padEnd(40)} ${shown}; ${found.map(({ threads }) => threads).join(', ')} threads in the extension host`);
    }
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
});
