// What llama.cpp computes from a GGUF file is what the runner computes from the model it was made of. Needs a Python with llama-cpp-python
// (`WISHBONE_LLAMA_PYTHON`, else python3); is skipped where there is none.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { exportGguf, type GgufType } from '../../src/core/gguf/index.js';
import { readSafetensors } from '../../src/core/files/safetensors.js';
import { modelOf, type WeightType, writeWeights } from '../support/gguf.js';
import { floats } from './numbers.js';
import { outcome, repository, runnerCommand } from './support.js';

const FIXTURES = path.join(repository, 'test/fixtures/gguf');
const PYTHON = process.env['WISHBONE_LLAMA_PYTHON'] ?? 'python3';
let scratch: string;
let isThere = false;
before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'wishbone-llama-cpp-'));
  isThere = (await outcome(PYTHON, ['-c', 'import llama_cpp']).catch(() => ({ code: 1 }))).code === 0;
});
after(() => rm(scratch, { recursive: true, force: true }));

/** Longer than windows and than the positions that scaled models were made for. */
const idsOf = (length: number): number[] => Array.from({ length }, (_, index) => (index * index * 7 + index * 31 + 5) % 400);

async function ask(question: object): Promise<number[]> {
  const child = spawn(PYTHON, [path.join(repository, 'test/support/llama_cpp_logits.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (err += text.toString()));
  child.stdin.end(`${JSON.stringify(question)}\n`);
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, err);
  return JSON.parse(out.trim().split('\n').at(-1)!) as number[];
}

async function ours(model: string, ids: readonly number[], adapter?: string): Promise<number[]> {
  const out = path.join(scratch, 'logits.safetensors');
  const more = adapter === undefined ? [] : ['--adapter', adapter];
  const ran = await runnerCommand('logits', model, ...more, '--tokens', ids.join(','), '--out', out);
  assert.equal(ran.code, 0, ran.stderr);
  const logits = floats(await readSafetensors(out), 'logits');
  const vocab = logits.length / ids.length;
  return ids.slice(1).map((id, row) => {
    const own = logits.slice(row * vocab, (row + 1) * vocab);
    const most = Math.max(...own);
    return own[id]! - most - Math.log(own.reduce((sum, value) => sum + Math.exp(value - most), 0));
  });
}

const worst = (a: readonly number[], b: readonly number[]): number => Math.max(...a.map((value, index) => Math.abs(value - b[index]!)));

function skipped(t: TestContext): boolean {
  if (!isThere) t.skip(`${PYTHON} has no llama_cpp (pip install llama-cpp-python, or set WISHBONE_LLAMA_PYTHON)`);
  return !isThere;
}

/**
 * The weights lose nothing in f16 (or bf16, as the case says); what is left is that llama.cpp rounds activations to the type of the
 * weights before each product.
 */
const CASES: readonly { name: string; weights: WeightType; type: GgufType; length?: number; context?: number }[] = [
  { name: 'llama-spm', weights: 'F16', type: 'f16' },
  { name: 'llama3', weights: 'F16', type: 'f16' },
  { name: 'llama-linear', weights: 'F16', type: 'f16' },
  { name: 'mistral', weights: 'F16', type: 'f16' },
  { name: 'qwen2', weights: 'BF16', type: 'bf16' },
  { name: 'qwen2', weights: 'F16', type: 'f16' },
  { name: 'qwen3', weights: 'F16', type: 'f16' },
  { name: 'phi3', weights: 'F16', type: 'f16', length: 200, context: 256 },
  { name: 'phi3', weights: 'F16', type: 'f16', length: 300, context: 512 },
  { name: 'gemma2', weights: 'F16', type: 'f16' },
  { name: 'gemma3', weights: 'F16', type: 'f16' },
  { name: 'smollm3', weights: 'F16', type: 'f16' },
  { name: 'olmo2', weights: 'F16', type: 'f16' },
];
const MOST: Readonly<Record<string, number>> = { f16: 0.004, bf16: 0.03, q8_0: 0.1 };

for (const { name, weights, type, length = 200, context = 512 } of CASES) {
  test(`${name}, ${type}, ${length} tokens: llama.cpp gives the runner's log-probabilities`, async (t) => {
    if (skipped(t)) return;
    const model = await mkdtemp(path.join(scratch, 'model-'));
    await modelOf(path.join(FIXTURES, name), model, weights);
    const ids = idsOf(length);
    const expected = await ours(model, ids);
    assert.ok(Math.max(...expected) - Math.min(...expected) > 0.5, 'tokens differ in their probability');
    for (const as of [type, 'q8_0'] as const) {
      const file = path.join(model, `${as}.gguf`);
      await exportGguf({ model, type: as, out: file });
      const off = worst(await ask({ file, ids, context }), expected);
      t.diagnostic(`${as}: at most ${off.toFixed(5)} off`);
      assert.ok(off < MOST[as]!, `${as}: ${off}`);
    }
  });
}

test('an adapter laid over a GGUF file is the adapter laid over the model', async (t) => {
  if (skipped(t)) return;
  const name = 'llama-spm';
  const [model, adapter] = [await mkdtemp(path.join(scratch, 'model-')), await mkdtemp(path.join(scratch, 'adapter-'))];
  await modelOf(path.join(FIXTURES, name), model, 'F16');
  const fixture = path.join(repository, 'test/fixtures/gguf-adapters', name);
  await cp(fixture, adapter, { recursive: true });
  const { shapes } = JSON.parse(await readFile(path.join(fixture, 'expected.json'), 'utf8')) as { shapes: Record<string, number[]> };
  await writeWeights(path.join(adapter, 'adapter_model.safetensors'), new Map(Object.entries(shapes)), 'F16');
  const ids = idsOf(60);
  const [bare, expected] = [await ours(model, ids), await ours(model, ids, adapter)];
  assert.ok(worst(bare, expected) > 0.1, 'the adapter changes something');
  const [file, lora] = [path.join(model, 'f16.gguf'), path.join(adapter, 'f16.gguf')];
  await exportGguf({ model, type: 'f16', out: file });
  await exportGguf({ model, adapter, type: 'f16', out: lora });
  const off = worst(await ask({ file, adapter: lora, ids, context: 512 }), expected);
  t.diagnostic(`at most ${off.toFixed(5)} off`);
  assert.ok(off < 0.01, String(off));
});
