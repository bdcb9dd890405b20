import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { exportGguf, GGUF_TYPES, type GgufType } from '../../../src/core/gguf/index.js';
import { ModelTokenizer } from '../../../src/core/tokenizer/index.js';
import { modelOf, readGguf, type Seen, seenOf, type WeightType } from '../../support/gguf.js';

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
        const { fields, tensors } = expected[type];
        const own = seenOf(await readGguf(out));
        assert.deepEqual(own.fields, { ...expected.f16.fields, ...fields });
        assert.deepEqual(own.tensors, tensors);
      });
    }
    await t.test('tokens', async () => {
      const tokenizer = await ModelTokenizer.load(folder);
      for (const { text, ids } of expected.tokens) assert.deepEqual(tokenizer.encode(text, true), ids, text);
    });
  });
}
