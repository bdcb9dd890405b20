import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { CheckWorker, type DocumentReport } from '../../../src/core/checks/index.js';
import type { WishboneError } from '../../../src/core/errors.js';

let folder: string;
let bundle: string;

/** The checks, which a text can make do what a fault of theirs would. */
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wishbone-checks-'));
  const whole = path.join(folder, 'whole.js');
  bundle = path.join(folder, 'checks.js');
  const entry = path.join(import.meta.dirname, '../../../src/workers/checks.ts');
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    mainFields: ['module', 'main'],
    outfile: whole,
    logLevel: 'error',
  });
  await writeFile(
    bundle,
    `const parse = JSON.parse;
     JSON.parse = (text, ...rest) => {
       if (text.includes('FOREVER')) for (;;);
       if (text.includes('ABORT')) process.abort();
       return parse(text, ...rest);
     };
     require('./whole.js');`,
  );
});
after(() => rm(folder, { recursive: true, force: true }));

const row = (prompt: string): string => JSON.stringify({ prompt, chosen: 'yes', rejected: 'no' });
const options = { model: undefined, maxLength: 64, evalFiles: [] };

class Heard {
  readonly reports = new Map<number, DocumentReport>();
  readonly left = new Map<number, WishboneError>();
  readonly worker: CheckWorker;
  ends = 0;

  constructor(readonly again: (heard: Heard) => void = () => undefined) {
    this.worker = new CheckWorker(
      {
        onReport: (id, report) => this.reports.set(id, report),
        onOutOfStep: () => undefined,
        onFileReport: () => undefined,
        onFileTrouble: () => undefined,
        onLeftAlone: (id, error) => this.left.set(id, error),
        onFault: (_, hasEnded) => {
          if (!hasEnded) return;
          this.ends++;
          again(this);
        },
      },
      bundle,
      { memory: 600 * 2 ** 20, busy: 1 },
    );
  }

  open(id: number, text: string, version = 1, model: string | undefined = undefined): void {
    this.worker.tell('open', { id, version, text, isJsonFile: false, file: undefined, options: { ...options, model } });
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await sleep(20);
  }
}

for (const [how, what] of [
  ['FOREVER', /has no end/],
  ['ABORT', /has ended the process that read it/],
] as const) {
  test(`a document that ends the checks (${how}) is named and left alone until it changes; the others go on`, async (t) => {
    const texts = [row('good'), row(`bad ${how}`)];
    const heard = new Heard((self) => texts.forEach((text, id) => self.open(id, text)));
    t.after(() => heard.worker.dispose());
    texts.forEach((text, id) => heard.open(id, text));
    await until('it is named', () => heard.left.has(1));
    assert.match(heard.left.get(1)?.what ?? '', what);
    await until('the other is checked', () => heard.reports.get(0)?.pairs === 1);
    assert.ok(!heard.left.has(0));
    await sleep(300);
    assert.equal(heard.ends, 1, 'it is not tried again');
    heard.open(1, row('mended'), 2);
    await until('its next version is checked', () => heard.reports.get(1)?.version === 2);
  });
}

test('a model that ends the checks is named and left alone until it changes; documents are checked without it', async (t) => {
  const model = path.join(folder, 'model');
  await cp(path.join(import.meta.dirname, '../../../examples/tiny-llama'), model, { recursive: true });
  const config = path.join(model, 'tokenizer_config.json');
  await writeFile(config, '{"x": "FOREVER"}');
  const heard = new Heard((self) => self.open(0, row('good'), 1, model));
  t.after(() => heard.worker.dispose());
  heard.open(0, row('good'), 1, model);
  await until('the model is named', () => heard.reports.get(0)?.modelTrouble !== undefined);
  const report = heard.reports.get(0)!;
  assert.match(report.modelTrouble!.what, /has no end/);
  assert.equal(report.modelTrouble!.where, model);
  assert.equal(report.pairs, 1);
  assert.equal(heard.ends, 1);
  await assert.rejects(heard.worker.tokens(model, 64, [row('a')]), /has no end/);
  await cp(path.join(import.meta.dirname, '../../../examples/tiny-llama/tokenizer_config.json'), config);
  await utimes(config, 1, 1);
  assert.equal((await heard.worker.tokens(model, 64, [row('a')])).length, 1);
});
