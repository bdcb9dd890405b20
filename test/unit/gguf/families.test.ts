import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { exportGguf, GGUF_TYPES, type GgufType } from '../../../src/core/gguf/index.js';
import { ModelTokenizer } from '../../../src/core/tokenizer/index.js';
import { type GgufFile, modelOf, readGguf, sha256, type WeightType } from '../../support/gguf.js';

const FIXTURES = path.resolve('test/fixtures/gguf');
/** The types of the weights that a case was made with; scripts/fixtures/gguf_files.py, CASES. */
const WEIGHTS: Readonly<Record<string, WeightType>> = {
  'llama-spm': 'F32',
  llama3: 'BF16',
  'llama-linear': 'F32',
  mistral: 'F16',
  'mistral-spm': 'BF16',
  qwen2: 'BF16',
  qwen3: 'F32',
  phi3: 'F32',
  gemma2: 'BF16',
  gemma3: 'F32',
  smollm3: 'F32',
  olmo2: 'BF16',
};
const NUMBERS: Readonly<Record<string, number>> = { F32: 0, F16: 1, Q5_0: 6, Q5_1: 7, Q8_0: 8, Q4_K: 12, Q5_K: 13, Q6_K: 14, BF16: 30 };

interface Seen {
  readonly fields: Readonly<Record<string, { types: string[]; value?: unknown; length?: number; sha256?: string }>>;
  readonly tensors: Readonly<Record<string, [type: string, shape: number[], sha256: string]>>;
}
type Expected = Readonly<Record<GgufType, Seen>> & { readonly tokens: readonly { text: string; ids: number[] }[] };

let scratch: string;
before(async () => (scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-gguf-'))));
after(() => rm(scratch, { recursive: true, force: true }));

test('every fixture is looked at', async () => {
  assert.deepEqual((await readdir(FIXTURES)).sort(), Object.keys(WEIGHTS).sort());
});

for (const [name, weights] of Object.entries(WEIGHTS)) {
  test(`${name}: tensors and metadata of every type are those of llama.cpp`, async (t) => {
    const folder = path.join(scratch, name);
    const fixture = path.join(FIXTURES, name);
    await modelOf(fixture, folder, weights);
    const expected = JSON.parse(await readFile(path.join(fixture, 'expected.json'), 'utf8')) as Expected;
    for (const type of GGUF_TYPES) {
      await t.test(type, async () => {
        const out = path.join(scratch, `${name}-${type}.gguf`);
        await exportGguf({ model: folder, type, out, name: 'a tiny model' });
        const own = await readGguf(out);
        const seen = expected[type];
        sameFields(own, { ...expected.f16.fields, ...seen.fields });
        const tensors = [...own.tensors].map(([key, { type: number, shape, bytes }]) => [key, [number, shape, sha256(bytes)]]);
        const theirs = Object.entries(seen.tensors).map(([key, [kind, shape, hash]]) => [key, [NUMBERS[kind], shape, hash]]);
        assert.deepEqual(Object.fromEntries(tensors), Object.fromEntries(theirs));
      });
    }
    await t.test('tokens', async () => {
      const tokenizer = await ModelTokenizer.load(folder);
      for (const { text, ids } of expected.tokens) assert.deepEqual(tokenizer.encode(text, true), ids, text);
    });
  });
}

function sameFields({ fields }: GgufFile, expected: Seen['fields']): void {
  const own = [...fields].map(([key, { types, value }]) => {
    if (!Array.isArray(value)) return [key, { types, value }];
    // Numbers as Python writes them.
    const python = (item: number): string => `${Object.is(item, -0) ? '-0' : item}${Number.isInteger(item) ? '.0' : ''}`;
    const items = types[1] === 'FLOAT32' ? `[${(value as number[]).map(python).join(',')}]` : JSON.stringify(value);
    return [key, { types, length: value.length, sha256: sha256(items) }];
  });
  assert.deepEqual(Object.fromEntries(own), expected);
}
