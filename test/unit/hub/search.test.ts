import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchHub } from '../../../src/core/hub/index.js';
import { TOKEN } from '../../support/stand-in-hub.js';
import { begin, MODEL } from './support.js';

test('the hub is searched by name, with what its list says of each', async (context) => {
  const { settings, hub } = await begin(context, [
    { ...MODEL, parameters: 1_049_856 },
    { ...MODEL, name: 'wish/llama-gated', gated: true },
    { ...MODEL, name: 'wish/llama-private', isPrivate: true },
    { kind: 'model', name: 'wish/llama-gguf', files: { 'llama.gguf': 'x' } },
    { kind: 'dataset', name: 'wish/llama-pairs', files: { 'train.jsonl': '{}\n' } },
  ]);
  const names = async (kind: 'model' | 'dataset', text: string, token?: string): Promise<string[]> =>
    (await searchHub({ ...settings, token }, kind, text)).map(({ name }) => name);
  assert.deepEqual(await searchHub(settings, 'model', 'TINY llama'), [
    { name: 'wish/tiny-llama', family: 'llama', parameters: 1_049_856, downloads: 1234, gated: false },
  ]);
  assert.deepEqual(await searchHub(settings, 'model', 'gated'), [
    { name: 'wish/llama-gated', family: 'llama', parameters: undefined, downloads: 1234, gated: true },
  ]);
  assert.deepEqual(await names('model', 'llama'), ['wish/tiny-llama', 'wish/llama-gated'], 'without those that have no safetensors');
  assert.deepEqual(await names('model', 'llama', TOKEN), ['wish/tiny-llama', 'wish/llama-gated', 'wish/llama-private']);
  assert.deepEqual(await names('dataset', 'llama'), ['wish/llama-pairs']);
  assert.deepEqual(await names('model', 'nothing & <such>'), []);
  hub.faults.statuses = [{ status: 503 }, { status: 503 }, { status: 503 }];
  await assert.rejects(names('model', 'llama'), /the hub is out of order/);
  const abort = new AbortController();
  abort.abort();
  await assert.rejects(searchHub(settings, 'model', 'llama', abort.signal), { name: 'AbortError' });
});
