import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parameterShapes } from '../../../src/core/model/config.js';
import { PLAIN } from '../../../src/core/model/families.js';
import { writeSafetensors, type Tensor } from '../../../src/core/files/safetensors.js';

export const config: Readonly<Record<string, unknown>> = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 640,
  max_position_embeddings: 512,
  tie_word_embeddings: true,
};

/** Every weight of `config` as zeros. */
export function zeroWeights(tied = true): Map<string, Tensor> {
  const shapes = parameterShapes({
    file: '',
    hiddenSize: 8,
    intermediateSize: 12,
    layers: 2,
    queryHeads: 4,
    kvHeads: 2,
    headDim: 2,
    vocabSize: 640,
    family: 'llama',
    features: PLAIN,
    maxPositions: 512,
    tied,
  });
  return new Map(
    [...shapes].map(([name, shape]): [string, Tensor] => {
      const elements = shape.reduce((product, size) => product * size, 1);
      return [name, { dtype: 'F32', shape, data: new Float32Array(elements) }];
    }),
  );
}

/** A model folder that is gone when the test ends. */
export async function modelFolder(t: TestContext, json: object = config): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-model-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(json));
  await writeFile(path.join(folder, 'tokenizer.json'), '{}');
  await writeFile(path.join(folder, 'tokenizer_config.json'), '{}');
  await writeSafetensors(path.join(folder, 'model.safetensors'), { metadata: {}, tensors: zeroWeights() });
  return folder;
}
