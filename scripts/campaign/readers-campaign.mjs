// Fuzzes the readers of the TypeScript side in a process that may be ended by any of them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { root } from '../shell.mjs';

/** Milliseconds of one input without a word. */
const MOST_SILENCE = 20_000;

/** @returns by reader what there is to report: executions, refusals, faults, the slowest, memory of the process */
export async function fuzzReaders({ base, scratch, failing, seed, until, only }) {
  // Where it finds the engine for templates.
  const bundle = path.join(root, 'dist/campaign-readers.cjs');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'reader-process.mjs')],
    ...{ bundle: true, platform: 'node', format: 'cjs', mainFields: ['module', 'main'], outfile: bundle, logLevel: 'error' },
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  const report = new Map();
  const counts = (name) =>
    report.get(name) ?? report.set(name, { executions: 0, refused: 0, faults: [], slowest: 0, most: 0, cpu: 0, next: 0 }).get(name);
  const tell = (name, fault) => {
    counts(name).faults.push(fault);
    console.log(`fault: ${name}, input ${fault.i}: ${fault.what}\n  kept as ${fault.kept}`);
  };
  let child;
  let files;
  const start = async () => {
    child = fork(bundle, [root, base, scratch, failing], {
      execArgv: ['--max-old-space-size=900'],
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-2000)));
    child.said = () => errors;
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [{}])]);
    if (message.ready === undefined) throw new Error(`the readers cannot be started: ${errors}`);
    files = new Map(message.ready.filter(([name]) => only === undefined || only.includes(name)));
  };

  /** @returns the index of the first input that was not tried */
  const batch = (name, from, to) =>
    new Promise((done) => {
      const own = child;
      let [at, last] = [from, Date.now()];
      let isSilent = false;
      const look = () => {
        const now = readFileSync(path.join(scratch, 'progress'));
        const number = now.length === 4 ? now.readUInt32LE(0) : from;
        // Before its first input, it still says where the last batch was.
        if (number >= from && number < to) at = number;
      };
      const watch = setInterval(() => {
        const before = at;
        look();
        if (at !== before) last = Date.now();
        if (Date.now() - last <= MOST_SILENCE) return;
        isSilent = true;
        own.kill('SIGKILL');
      }, 500);
      const end = (next) => {
        clearInterval(watch);
        own.removeAllListeners('message').removeAllListeners('exit');
        done(next);
      };
      own.on('message', (message) => {
        if (message.done === undefined) return;
        const { executions, refused, faults, slowest, most, cpu } = message.done;
        const sum = counts(name);
        sum.executions += executions;
        sum.refused += refused;
        sum.cpu += cpu;
        sum.slowest = Math.max(sum.slowest, slowest);
        sum.most = Math.max(sum.most, most);
        for (const fault of faults) tell(name, fault);
        end(to);
      });
      own.on('exit', (code, signal) => {
        look();
        counts(name).executions += at - from + 1;
        const file = files.get(name);
        const kept = path.join(failing, `${name.replaceAll(/[^\w.]/g, '-')}-${seed}-${at}-${path.basename(file)}`);
        if (existsSync(file)) copyFileSync(file, kept);
        const what = isSilent ? 'has no end' : `ends the process (${signal ?? code}): ${own.said().split('\n').slice(-6).join(' | ')}`;
        tell(name, { i: at, what, kept });
        void start().then(() => end(at + 1));
      });
      own.send({ reader: name, seed, from, to });
    });

  await start();
  const names = [...files.keys()];
  const size = new Map(names.map((name) => [name, 20]));
  for (let turn = 0; Date.now() < until; turn++) {
    const name = names[turn % names.length];
    const begin = Date.now();
    counts(name).next = await batch(name, counts(name).next, counts(name).next + size.get(name));
    // Half a second a turn, so that each gets the same time.
    const took = Math.max(10, Date.now() - begin);
    size.set(name, Math.max(1, Math.min(4 * size.get(name), 5000, Math.round((size.get(name) * 500) / took))));
  }
  child.removeAllListeners('exit').kill('SIGKILL');
  rmSync(bundle, { force: true });
  return report;
}
