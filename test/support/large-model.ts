import { mkdir, open, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parameterShapes, readModelConfig } from '../../src/core/model/config.js';

/**
 * A model folder of 1.2 billion parameters, by what it says of itself: its weights are a hole in a file, so that it takes no
 * room. Enough to be looked at and planned for, not to be trained.
 *
 * @param tokenizer folder whose tokenizer it gets
 */
export async function makeLargeModel(folder: string, tokenizer: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 16,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    vocab_size: 128256,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    tie_word_embeddings: true,
    hidden_act: 'silu',
    torch_dtype: 'bfloat16',
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) await cp(join(tokenizer, name), join(folder, name));
  let offset = 0;
  const tensors: Record<string, object> = {};
  for (const [name, shape] of parameterShapes(await readModelConfig(folder))) {
    const end = offset + 2 * shape.reduce((product, size) => product * size, 1);
    tensors[name] = { dtype: 'BF16', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const header = Buffer.from(JSON.stringify(tensors));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(join(folder, 'model.safetensors'), 'w');
  await file.write(Buffer.concat([length, header]));
  await file.truncate(8 + header.length + offset);
  await file.close();
}
