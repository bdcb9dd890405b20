// The editor benchmark: `npm run bench:editor [-- --megabytes 1000]`. Opens a preference file of that size in a real VS Code
// in a real Chromium and measures, with the checks and without them: when the first problems are in view, how long a key
// takes to the screen while the rest of the file is checked, in a small file beside it and in the large one, and memory.
// The file is made, and kept, in .cache/bench.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findBrowser } from './browser.mjs';
import { build } from './build.mjs';
import { largeFile } from './editor/large-file.mjs';
import { MemoryWatch, processOf } from './editor/processes.mjs';
import { Page } from './editor/page.mjs';
import { command, focus, openFile, ready, share, shownText, sights, typed, watch } from './editor/window.mjs';
import { pack } from './package.mjs';
import { setup } from './setup.mjs';
import { Failure, headline, main, root, run } from './shell.mjs';
import { installExtension, installServer, startServer } from './vscode-server.mjs';

const large = 'large.jsonl';
const small = 'small.jsonl';
const patience = 900_000;
const sentence = 'the quick brown fox jumps over the lazy dog ';
const pace = 80;

/** One window, from start to end. `checks`: whether the extension checks preference files. */
async function measure({ vsix, file, checks }) {
  const folder = await mkdtemp(join(tmpdir(), 'wishbone-bench-'));
  const workspace = join(folder, 'workspace');
  const folders = { data: join(folder, 'server'), extensions: join(folder, 'extensions') };
  await mkdir(join(workspace, '.vscode'), { recursive: true });
  await symlink(file, join(workspace, large));
  const pairs = await readFile(join(root, 'examples/preferences.jsonl'));
  await writeFile(join(workspace, small), pairs);
  await writeFile(
    join(workspace, '.vscode/settings.json'),
    JSON.stringify({ 'wishbone.diagnostics.enable': checks, 'workbench.editorLargeFileConfirmation': 16384, 'files.autoSave': 'off' }),
  );
  await installExtension(vsix, folders);
  const server = await startServer(folders);
  const page = await Page.open(findBrowser(), patience);
  try {
    await page.go(server.address(workspace));
    await ready(page);
    await command(page, 'Problems: Focus on Problems View');
    // The extension is there, and what comes with a first start is over.
    await sleep(5000);
    const memory = new MemoryWatch({
      'extension host': () => processOf(server.pid, /--type=extensionHost/),
      'browser tab': () => processOf(page.pid, /--type=renderer/),
    });
    return { ...(await work(page, checks)), memory: memory.end() };
  } finally {
    await page.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Opens the small file at the left and the large one at the right, and types in both while the large one is checked. */
async function work(page, checks) {
  await openFile(page, small);
  await focus(page, small);
  await command(page, 'View: New Editor Group to the Right');

  const { tab, text, ...ours } = sights;
  const wanted = Object.entries({ tab, text, ...(checks ? ours : {}) });
  const until = await watch(page, Object.fromEntries(wanted.map(([name, sight]) => [name, sight(large)])));
  await openFile(page, large);
  await until(checks ? ['tab', 'count', 'entry'] : ['tab']);
  const keys = {};
  const type = async (name) => {
    await focus(page, name);
    keys[name] = await typed(page, sentence.repeat(4), pace);
  };
  await type(small);
  await until(checks ? ['text', 'mark'] : ['text']);
  await type(large);
  const checked = checks ? await share(page) : undefined;
  const seen = await until(wanted.map(([name]) => name));
  for (const name of [small, large]) {
    if (!(await shownText(page, name)).includes(sentence)) throw new Failure(`what was typed into ${name} is not there`);
  }
  return { seen: Object.fromEntries(Object.entries(seen).map(([name, at]) => [name, at - seen.tab])), keys, checked };
}

const quantile = (times, share) => [...times].sort((a, b) => a - b)[Math.ceil(share * times.length) - 1];
const milliseconds = (time) => `${time.toFixed(0)} ms`;

function print({ seen, keys, checked, memory }) {
  const names = {
    count: 'pairs in the status bar',
    entry: 'first entry in Problems',
    text: 'text',
    mark: 'first mark under a field',
    whole: 'all of it is checked',
  };
  for (const [name, what] of Object.entries(names)) {
    if (name in seen) console.log(`${what.padEnd(36)} ${milliseconds(seen[name])} after the tab is shown`);
  }
  for (const [name, times] of Object.entries(keys)) {
    const figures = [
      `median ${milliseconds(quantile(times, 0.5))}`,
      `95 % ${milliseconds(quantile(times, 0.95))}`,
      `longest ${milliseconds(Math.max(...times))}`,
    ];
    console.log(`${`a key in ${name}, ${times.length} keys`.padEnd(36)} ${figures.join(', ')}`);
  }
  if (checked !== undefined) console.log(`${'checked when those were typed'.padEnd(36)} ${checked} %`);
  for (const [name, { before, peak }] of Object.entries(memory)) {
    console.log(`${`memory of the ${name}`.padEnd(36)} ${(before / 1e6).toFixed(0)} MB before, ${(peak / 1e6).toFixed(0)} MB at most`);
  }
}

await main(async () => {
  const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '1000' } } });
  const megabytes = Number(values.megabytes);
  if (!(megabytes > 50)) throw new Failure('bench: --megabytes takes more than 50: smaller files are checked as they are typed');
  await setup({ server: true, browser: true });
  await build();
  // The runner is packed along, not used.
  if (!existsSync(join(root, 'dist/bin/wishbone-runner'))) await run(process.execPath, ['scripts/build-native.mjs']);
  const vsix = await pack();
  await installServer();
  const file = join(root, '.cache/bench', `preferences-${megabytes}MB.jsonl`);
  await largeFile(file, megabytes * 1e6);
  console.log(`${file}, ${availableParallelism()} cores of ${cpus()[0]?.model}`);
  for (const checks of [false, true]) {
    headline(checks ? 'with checks' : 'without checks');
    print(await measure({ vsix, file, checks }));
  }
});
