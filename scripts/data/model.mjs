// A model folder of the size that people train, for the data benchmark. Its tokenizer: byte-level BPE with the first 128,000 tokens of
// OpenAI's o200k_base (the npm package js-tiktoken, MIT, carries them), split as Llama 3 splits text, with 256 special
// tokens; its merges are those that make each token out of two earlier ones. Its weights have the shapes of Llama 3.2 1B and
// are a hole in the file: planning reads their header only.
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, run } from '../shell.mjs';

const version = '1.0.21';
const ordinary = 128_000;
const special = 256;
const bos = '<|begin_of_text|>';
const specialNames = [
  ...[bos, '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
  ...Array.from({ length: special - 5 }, (_, index) => `<|reserved_special_token_${index}|>`),
];

/** Text is cut into these pieces; no token crosses from one into the next. */
const pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" +
  '|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** Tokens as bytes (one latin-1 character each), in the order of their ranks. */
async function ranks(cache) {
  const folder = join(cache, `js-tiktoken-${version}`);
  if (!existsSync(join(folder, 'node_modules/js-tiktoken'))) {
    await mkdir(folder, { recursive: true });
    await run('npm', ['install', '--silent', '--no-save', '--prefix', folder, `js-tiktoken@${version}`], { quiet: true });
  }
  const file = createRequire(join(folder, 'package.json')).resolve('js-tiktoken/ranks/o200k_base');
  const { default: whole, bpe_ranks: direct } = createRequire(file)(file);
  const lines = (whole?.bpe_ranks ?? direct).split('\n').filter(Boolean);
  const tokens = [];
  for (const line of lines) {
    const [, offset, ...base64] = line.split(' ');
    base64.forEach((text, index) => (tokens[Number(offset) + index] = Buffer.from(text, 'base64').toString('latin1')));
  }
  return tokens.slice(0, ordinary);
}

/** The two tokens whose merge makes `token`: what byte-pair encoding with all earlier ranks leaves of it. */
function parts(token, rankOf) {
  const most = rankOf.get(token);
  const pieces = [...token];
  while (pieces.length > 2) {
    let best = -1;
    let bestRank = most;
    for (let i = 0; i + 1 < pieces.length; i++) {
      const rank = rankOf.get(pieces[i] + pieces[i + 1]);
      if (rank !== undefined && rank < bestRank) [best, bestRank] = [i, rank];
    }
    if (best < 0) throw new Failure(`o200k_base: no merges make its token ${most}`);
    pieces.splice(best, 2, pieces[best] + pieces[best + 1]);
  }
  return pieces;
}

/** GPT-2's alphabet of printable characters, one for each byte. */
function alphabet() {
  const printable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}

function tokenizerJson(tokens) {
  const rankOf = new Map(tokens.map((token, rank) => [token, rank]));
  const letters = alphabet();
  const shown = (token) => Array.from(token, (byte) => letters[byte.charCodeAt(0)]).join('');
  const merges = tokens.filter((token) => token.length > 1).map((token) => parts(token, rankOf).map(shown));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialNames.map((content, index) => ({
      ...{ id: ordinary + index, content, single_word: false, lstrip: false, rstrip: false, normalized: false },
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { [bos]: { id: bos, ids: [ordinary], tokens: [bos] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, ignore_merges: true },
      vocab: Object.fromEntries(tokens.map((token, rank) => [shown(token), rank])),
      merges,
    },
  };
}

const config = {
  architectures: ['LlamaForCausalLM'],
  ...{ model_type: 'llama', hidden_act: 'silu', hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16 },
  ...{ num_attention_heads: 32, num_key_value_heads: 8, head_dim: 64, vocab_size: ordinary + special },
  ...{ max_position_embeddings: 131072, tie_word_embeddings: true, torch_dtype: 'bfloat16' },
};

/** A safetensors file whose data are a hole. */
async function writeWeights(file) {
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers, head_dim: head } = config;
  const shapes = { 'model.embed_tokens.weight': [config.vocab_size, hidden], 'model.norm.weight': [hidden] };
  for (let layer = 0; layer < layers; layer++) {
    const of = (name, ...shape) => (shapes[`model.layers.${layer}.${name}.weight`] = shape);
    of('input_layernorm', hidden);
    of('post_attention_layernorm', hidden);
    of('self_attn.q_proj', config.num_attention_heads * head, hidden);
    of('self_attn.k_proj', config.num_key_value_heads * head, hidden);
    of('self_attn.v_proj', config.num_key_value_heads * head, hidden);
    of('self_attn.o_proj', hidden, config.num_attention_heads * head);
    of('mlp.gate_proj', inner, hidden);
    of('mlp.up_proj', inner, hidden);
    of('mlp.down_proj', hidden, inner);
  }
  let at = 0;
  const header = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 2 * shape.reduce((product, size) => product * size);
    header[name] = { dtype: 'BF16', shape, data_offsets: [at, (at += bytes)] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const handle = await open(file, 'w');
  await handle.writeFile(Buffer.concat([length, json]));
  await handle.truncate(8 + json.length + at);
  await handle.close();
}

/**
 * The model folder, made under `cache` unless it is there.
 *
 * @returns its path
 */
export async function benchModel(cache) {
  const folder = join(cache, 'llama-1b-128k');
  if (existsSync(folder)) return folder;
  const tokenizer = tokenizerJson(await ranks(cache));
  const temporary = `${folder}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  const save = (name, json) => writeFile(join(temporary, name), JSON.stringify(json));
  await save('tokenizer.json', tokenizer);
  await save('tokenizer_config.json', {
    ...{ tokenizer_class: 'PreTrainedTokenizerFast', bos_token: bos, eos_token: specialNames[1] },
  });
  await save('config.json', config);
  await writeWeights(join(temporary, 'model.safetensors'));
  await rename(temporary, folder);
  return folder;
}
