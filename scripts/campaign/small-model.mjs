// The example's model in small: what is read a million times is to be read fast.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Weights that are read in microseconds: the example's tensors with smaller sides, and the config that goes with them.
 *
 * @param tiny folder of the example's model
 */
export function smallModel(tiny) {
  const config = JSON.parse(readFileSync(path.join(tiny, 'config.json'), 'utf8'));
  const bytes = readFileSync(path.join(tiny, 'model.safetensors'));
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8'));
  const small = { hidden_size: 16, intermediate_size: 24, vocab_size: 32, head_dim: 8, num_attention_heads: 2, num_key_value_heads: 1 };
  const sides = new Map(Object.entries(small).map(([name, size]) => [config[name], size]));
  sides.set(config.num_key_value_heads * config.head_dim, small.num_key_value_heads * small.head_dim);
  let size = 0;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__' && !/layers\.[1-9]/.test(name))
    .map(([name, { dtype, shape }]) => {
      const smaller = shape.map((side) => sides.get(side));
      const begin = size;
      size += smaller.reduce((product, side) => product * side, 2);
      return [name, { dtype, shape: smaller, data_offsets: [begin, size] }];
    });
  const head = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(tensors) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  return {
    config: { ...config, ...small, num_hidden_layers: 1 },
    weights: Buffer.concat([length, head, Buffer.alloc(size, 0x3c)]),
  };
}

/** The example's tokenizer (byte-level BPE) with as many tokens as its ids below `size`. */
export function smallTokenizer(whole, size = 400) {
  const vocab = Object.fromEntries(Object.entries(whole.model.vocab).filter(([, id]) => id < size));
  const merges = whole.model.merges.filter((pair) => {
    const [left, right] = typeof pair === 'string' ? pair.split(' ') : pair;
    return [left, right, left + right].every((token) => token in vocab);
  });
  return { ...whole, model: { ...whole.model, vocab, merges } };
}
