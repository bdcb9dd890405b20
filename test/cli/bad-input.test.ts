import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertOneError, filesUnder } from './one-error.js';
import { exampleData, exampleModel, outcome, temporaryFolder, wishbone } from './support.js';

const good = { prompt: 'Name a colour.', chosen: 'Blue.', rejected: 'Seven.' };

interface Case {
  readonly name: string;
  /** File contents; undefined leaves the file away. */
  readonly content: string | undefined;
  /** All of these stand in the message. */
  readonly says: readonly RegExp[];
}

const datasets: readonly Case[] = [
  { name: 'not JSON', content: `${JSON.stringify(good)}\n{"prompt": "x", \n`, says: [/JSON/i, /pairs\.jsonl:2/] },
  { name: 'a missing field', content: JSON.stringify({ prompt: 'x', chosen: 'y' }), says: [/rejected/, /pairs\.jsonl:1/] },
  {
    name: 'a wrong type',
    content: `${JSON.stringify(good)}\n${JSON.stringify({ ...good, chosen: 7 })}`,
    says: [/chosen/, /pairs\.jsonl:2/],
  },
  {
    name: 'an empty response',
    content: `${JSON.stringify(good)}\n\n${JSON.stringify({ ...good, rejected: '  ' })}`,
    says: [/rejected/, /empty/i, /pairs\.jsonl:3/],
  },
  { name: 'no file', content: undefined, says: [/pairs\.jsonl/, /no such file|does not exist|not found/i] },
  { name: 'an empty file', content: '', says: [/empty/i, /pairs\.jsonl/] },
];

for (const { name, content, says } of datasets) {
  test(`dataset with ${name}: one clear message, nothing written`, async (t) => {
    const folder = await temporaryFolder(t);
    const dataset = join(folder, 'pairs.jsonl');
    if (content !== undefined) await writeFile(dataset, content);
    const result = await wishbone('train', dataset, '--model', exampleModel, '--runs', join(folder, 'runs'));
    assert.equal(result.code, 3, result.stderr);
    assertOneError(result.stderr, says);
    assert.deepEqual(await filesUnder(join(folder, 'runs')), []);
  });
}

interface ModelCase {
  readonly name: string;
  readonly spoil: (folder: string) => Promise<void>;
  readonly says: readonly RegExp[];
}

/** Replaces the header of model.safetensors, keeping `data` bytes of zeros behind it. */
async function writeHeader(folder: string, header: string, length = BigInt(header.length), data = 64): Promise<void> {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length);
  await writeFile(join(folder, 'model.safetensors'), Buffer.concat([size, Buffer.from(header), Buffer.alloc(data)]));
}

const models: readonly ModelCase[] = [
  {
    name: 'an unknown architecture',
    spoil: async (folder) => {
      const file = join(folder, 'config.json');
      const config = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
      await writeFile(file, JSON.stringify({ ...config, architectures: ['MambaForCausalLM'] }));
    },
    says: [/architectures/, /MambaForCausalLM/, /LlamaForCausalLM/, /config\.json/],
  },
  { name: 'no tokenizer', spoil: (folder) => rm(join(folder, 'tokenizer.json')), says: [/tokenizer\.json/] },
  { name: 'no weights', spoil: (folder) => rm(join(folder, 'model.safetensors')), says: [/model\.safetensors/] },
  {
    name: 'weights cut off',
    spoil: (folder) => truncate(join(folder, 'model.safetensors'), 100_000),
    says: [/model\.safetensors/],
  },
  {
    name: 'a header longer than the file',
    spoil: (folder) => writeHeader(folder, '{}', 1n << 62n),
    says: [/model\.safetensors/, /header/i],
  },
  {
    name: 'overlapping tensors',
    spoil: (folder) =>
      writeHeader(
        folder,
        JSON.stringify({
          a: { dtype: 'F32', shape: [8], data_offsets: [0, 32] },
          b: { dtype: 'F32', shape: [8], data_offsets: [16, 48] },
        }),
        undefined,
        48,
      ),
    says: [/model\.safetensors/, /overlap/i],
  },
  {
    name: 'an absurd shape',
    spoil: (folder) =>
      writeHeader(
        folder,
        JSON.stringify({
          a: { dtype: 'F32', shape: [4294967296, 4294967296], data_offsets: [0, 64] },
        }),
      ),
    says: [/model\.safetensors/],
  },
];

for (const { name, spoil, says } of models) {
  test(`model folder with ${name}: one clear message, nothing written`, async (t) => {
    const folder = await temporaryFolder(t);
    const model = join(folder, 'model');
    await cp(exampleModel, model, { recursive: true });
    await spoil(model);
    const result = await wishbone('train', exampleData, '--model', model, '--runs', join(folder, 'runs'));
    assert.equal(result.code, 3, result.stderr);
    assertOneError(result.stderr, says);
    assert.deepEqual(await filesUnder(join(folder, 'runs')), []);
  });
}

test('a full disk: one clear message, nothing half-written', async (t) => {
  const folder = await temporaryFolder(t);
  const disk = join(folder, 'disk');
  await mkdir(disk);
  const mount = await outcome('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
  if (mount.code !== 0) {
    t.skip('mounting a small tmpfs needs root');
    return;
  }
  try {
    // Made anew, and copied from the cache: the second finds what the first has kept.
    for (const cache of [['--no-cache'], [], []]) {
      const result = await wishbone('plan', exampleData, '--model', exampleModel, '--out', join(disk, 'plan.safetensors'), ...cache);
      assert.equal(result.code, 5, result.stderr);
      assertOneError(result.stderr, [/plan\.safetensors/, /space|full/i]);
      assert.deepEqual(await readdir(disk), []);
    }

    const run = await wishbone('train', exampleData, '--model', exampleModel, '--runs', join(disk, 'runs'));
    assert.equal(run.code, 5, run.stderr);
    assertOneError(run.stderr, [/space|full/i]);
    assert.deepEqual(await filesUnder(join(disk, 'runs')), []);

    await outcome('mount', ['-o', 'remount,ro', disk]);
    const nowhere = await wishbone('train', exampleData, '--model', exampleModel, '--runs', join(disk, 'runs'));
    assert.equal(nowhere.code, 5, nowhere.stderr);
    assertOneError(nowhere.stderr, [/no permission to write the run folder|the run folder cannot be made there/, /choose a folder/]);
  } finally {
    await outcome('umount', [disk]);
  }
});

test('a plan does not overwrite a file that is not a plan', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'notes.txt');
  await writeFile(file, 'mine');
  const result = await wishbone('plan', exampleData, '--model', exampleModel, '--out', file);
  assert.notEqual(result.code, 0);
  assertOneError(result.stderr, [/notes\.txt/]);
  assert.equal(await readFile(file, 'utf8'), 'mine');
});

test('an unknown option is refused with the usage exit code', async () => {
  const result = await wishbone('plan', exampleData, '--model', exampleModel, '--shairng', 'pair');
  assert.equal(result.code, 2, result.stderr);
  assert.match(result.stderr, /shairng/);
});

test('empty text names nothing: a variable of a script that is not set means neither this folder nor the one run there is', async (t) => {
  const runs = join(await temporaryFolder(t), 'runs');
  const train = await wishbone('train', exampleData, '--model', exampleModel, '--preset', 'quick', '--max-steps', '1', '--runs', runs);
  assert.equal(train.code, 0, train.stderr);
  const cases: [named: string, ...args: string[]][] = [
    ['run', 'show', '', '--runs', runs],
    ['run', 'stop', '', '--runs', runs],
    ['run', 'compare', 'latest', '', '--runs', runs],
    ['repository', 'push', 'latest', '', '--runs', runs],
    ['dataset', 'check', exampleData, ''],
    ['--runs', 'runs', '--runs', ''],
    ['--model', 'plan', exampleData, '--model', ''],
    ['--eval-dataset', 'plan', exampleData, '--model', exampleModel, '--eval-dataset', ''],
    ['--resume', 'train', '--resume', ''],
    ['--against', 'sample', exampleModel, '--prompt', 'hi', '--against', ''],
    ['--skip', 'sweep', 'some.wishbone.json', '--skip', ''],
  ];
  for (const [named, ...args] of cases) {
    const { code, stderr } = await wishbone(...args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assertOneError(stderr, [new RegExp(`^error: ${named} is empty$`, 'm'), /variable/]);
  }
  // What a run config names can be taken back.
  const plan = await wishbone('train', exampleData, '--model', exampleModel, '--runs', '/dev/null/runs', '--reference-model', '');
  assert.doesNotMatch(plan.stderr, /is empty/);
});
