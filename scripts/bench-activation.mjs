// What the extension costs a window: `npm run bench:activation [-- --rounds 5]`. Opens workspaces in a real VS Code in a real
// Chromium and prints what "Developer: Show Running Extensions" says of Wishbone, and beside it of an extension that does
// nothing and of one that comes with VS Code: whether they were activated, and how long that took. That figure has in it what
// VS Code and other extensions do meanwhile; beside it stands how long Wishbone's own code ran.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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
/** An extension that does nothing, activated by what activates Wishbone, and one that comes with VS Code. */
const nothing = 'Nothing';
const peers = [nothing, 'JSON Language Features'];

const cases = [
  { what: 'no preference data, nothing open', files: plain, open: undefined },
  { what: 'no preference data, package.json open', files: plain, open: 'package.json' },
  { what: 'a preference file, nothing open', files: { ...plain, 'pairs.jsonl': pairs }, open: undefined },
  { what: 'a preference file, open', files: { ...plain, 'pairs.jsonl': pairs }, open: 'pairs.jsonl' },
  { what: 'once the window has settled, a JSON file is opened', files: plain, open: 'package.json', late: true },
  { what: 'once the window has settled, a command of ours', files: plain, run: 'Wishbone: Launch Run…', late: true },
];

/** Packs the extension that does nothing. Resolves to the path of its .vsix. */
async function packNothing(folder) {
  const { engines, activationEvents } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const manifest = {
    ...{ name: 'nothing', displayName: nothing, publisher: 'bench', version: '1.0.0', license: 'Apache-2.0', engines },
    ...{ main: './main.js', activationEvents: [...activationEvents, 'onCommand:wishbone.launchRun'] },
  };
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'main.js'), 'exports.activate = () => {};\n');
  await writeFile(join(folder, 'LICENSE'), 'As Wishbone itself.\n');
  await writeFile(join(folder, 'README.md'), '# Nothing\n');
  const vsix = join(folder, 'nothing.vsix');
  const vsce = [join(root, 'node_modules/@vscode/vsce/vsce'), 'package', '--allow-missing-repository', '--no-dependencies', '--out', vsix];
  await run(process.execPath, vsce, { quiet: true, cwd: folder });
  return vsix;
}

/**
 * Has the installed extension append to `log`, a line a window, the milliseconds that its own code took: loading and
 * `activate`. VS Code's figure has in it what other extensions load meanwhile.
 */
async function watchOwnTime(extensions, log) {
  const [folder] = (await readdir(extensions)).filter((name) => name.startsWith('wishbone.'));
  const bundle = join(extensions, folder, 'dist/extension.js');
  await rename(bundle, join(dirname(bundle), 'extension-itself.js'));
  await writeFile(
    bundle,
    `const { appendFileSync } = require('node:fs');
    const began = performance.now();
    const extension = require('./extension-itself.js');
    const loading = performance.now() - began;
    exports.activate = (context) => {
      const began = performance.now();
      extension.activate(context);
      appendFileSync(${JSON.stringify(log)}, JSON.stringify({ loading, activate: performance.now() - began }) + '\\n');
    };`,
  );
}

/** What `log` says since it was last asked. */
async function ownTimes(log) {
  const lines = existsSync(log) ? (await readFile(log, 'utf8')).trim().split('\n') : [];
  await rm(log, { force: true });
  return lines.map((line) => JSON.parse(line)).map(({ loading, activate }) => `${Math.round(loading)} + ${Math.round(activate)}`);
}

/** One window; resolves to its activation and to the threads of the extension host that the checks have started. */
async function measure({ files, open, run: title, late = false }, server, workspace) {
  await rm(workspace, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(workspace, name)), { recursive: true });
    await writeFile(join(workspace, name), text);
  }
  const page = await Page.open(findBrowser(), patience);
  try {
    await page.go(server.address(workspace));
    await ready(page);
    if (late) await sleep(2 * settling);
    if (open !== undefined) {
      await openFile(page, open);
      await focus(page, open);
    }
    if (title !== undefined) await command(page, title);
    await sleep(settling);
    await command(page, 'Developer: Show Running Extensions');
    const threads = threadsOf(processOf(server.pid, /--type=extensionHost/));
    const activations = [];
    for (const name of ['Wishbone', ...peers]) activations.push(await activationOf(page, name));
    return { activations, threads };
  } finally {
    await page.close();
  }
}

/** Median and all of them, of the windows in which there was an activation. */
function shown(activations) {
  const times = activations.filter((time) => time !== undefined).sort((a, b) => a - b);
  if (times.length === 0) return 'not activated';
  const windows = times.length < activations.length ? `, in ${times.length} of ${activations.length} windows` : '';
  return `${times[times.length >> 1]} ms (${times.join(', ')})${windows}`;
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
  await installExtension(await packNothing(join(folder, 'nothing')), folders);
  const log = join(folder, 'own-time.jsonl');
  await watchOwnTime(folders.extensions, log);
  const server = await startServer(folders);
  try {
    console.log(`${rounds} windows each, ${availableParallelism()} cores of ${cpus()[0]?.model}`);
    for (const one of cases) {
      const found = [];
      for (let round = 0; round < rounds; round++) found.push(await measure(one, server, join(folder, 'workspace')));
      console.log(`\n${one.what}; threads in the extension host: ${found.map(({ threads }) => threads).join(', ')}`);
      console.log(`  ${'Wishbone alone'.padEnd(24)} loading + activate: ${(await ownTimes(log)).join(', ') || 'not activated'} ms`);
      ['Wishbone', ...peers].forEach((name, i) =>
        console.log(`  ${name.padEnd(24)} ${shown(found.map(({ activations }) => activations[i]))}`),
      );
    }
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
});
