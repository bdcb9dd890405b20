import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { DatasetProbe } from '../../../src/core/probe/index.js';

let folder: string;
let bundle: string;

const pair = '{"prompt":"a","chosen":"b","rejected":"c"}\n';

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-probe-'));
  bundle = path.join(folder, 'probe.js');
  const entry = path.join(import.meta.dirname, '../../../src/workers/probe.ts');
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', outfile: bundle, logLevel: 'error' });
});
after(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Buffer): Promise<string> {
  await writeFile(path.join(folder, name), content);
  return path.join(folder, name);
}

test('forms, other files, and what cannot be read', async (t) => {
  const probe = new DatasetProbe(bundle);
  t.after(() => probe.dispose());
  assert.deepEqual(await probe.look(await file('good.jsonl', pair)), { form: 'trl-explicit', problem: undefined });
  assert.deepEqual(await probe.look(await file('other.json', '{"scores": 1}')), { form: undefined, problem: undefined });
  assert.deepEqual(await probe.look(path.join(folder, 'absent.jsonl')), { form: undefined, problem: undefined });
  await symlink('/dev/zero', path.join(folder, 'zero.parquet'));
  execFileSync('mkfifo', [path.join(folder, 'pipe.jsonl')]);
  for (const name of ['zero.parquet', 'pipe.jsonl']) assert.equal((await probe.look(path.join(folder, name))).form, undefined);
  const bomb = gzipSync(Buffer.concat([Buffer.from('[{"chosen":"'), Buffer.alloc(100e6, 0x20)]));
  const { problem } = await probe.look(await file('bomb.json.gz', bomb));
  assert.match(problem?.what ?? '', /longer than 16 MiB/);
});

test('a file that ends whoever reads it is named, left alone until it changes, and keeps no other from being read', async (t) => {
  // What a fault of a decoder does: memory without an end, no end, an abort.
  const faulty = path.join(folder, 'faulty.js');
  const asked = path.join(folder, 'asked.txt');
  const timesAsked = async (of: string): Promise<number> =>
    (await readFile(asked, 'utf8')).split('\n').filter((line) => line === of).length;
  await writeFile(
    faulty,
    `const __name = (own) => own; const { probe } = (${faults.toString()})();
     process.on('message', (message) => {
       if (message.type !== 'call') return;
       require('node:fs').appendFileSync(${JSON.stringify(asked)}, message.argument + '\\n');
       probe(message.argument);
     });
     require(${JSON.stringify(bundle)});`,
  );
  const probe = new DatasetProbe(faulty, { memory: 300 * 2 ** 20, busy: 4 });
  t.after(() => probe.dispose());
  for (const [name, what] of [
    ['memory', /more memory than it may have/],
    ['forever', /has no end/],
    ['abort', /has ended the process that read it \(SIGABRT\)/],
    ['heap', /more memory than it may have|has ended the process/],
  ] as const) {
    const bad = await file(`${name}.jsonl`, pair);
    const { form, problem } = await probe.look(bad);
    assert.equal(form, undefined);
    assert.match(problem?.what ?? '', what, name);
    assert.equal(problem?.where, bad);
    // The others go on.
    assert.equal((await probe.look(path.join(folder, 'good.jsonl'))).form, 'trl-explicit');
    // It is not read again.
    assert.match((await probe.look(bad)).problem?.what ?? '', what);
    assert.equal(await timesAsked(bad), 1, 'left alone');
  }
  await rm(path.join(folder, 'abort.jsonl'));
  const good = await file('abort.jsonl', '\n');
  assert.doesNotMatch((await probe.look(good)).problem?.where ?? '', /good/);
});

function faults(): { probe: (file: string) => void } {
  return {
    probe: (file) => {
      const name = /(\w+)\.jsonl$/.exec(file)?.[1];
      if (name === 'abort') process.abort();
      if (name === 'forever') for (;;);
      if (name === 'memory') {
        const all: Buffer[] = [];
        for (;;) {
          all.push(Buffer.alloc(2 ** 24, all.length + 1));
        }
      }
      if (name === 'heap') {
        const all: unknown[] = [];
        for (;;) all.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
      }
    },
  };
}
