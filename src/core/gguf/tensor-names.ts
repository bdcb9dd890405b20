/** Names of GGUF for modules of Hugging Face's models; `*` stands for the layer (gguf-py, tensor_mapping.py). */
const MODULES: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
  'model.layers.*.input_layernorm': 'blk.*.attn_norm',
  'model.layers.*.self_attn.q_proj': 'blk.*.attn_q',
  'model.layers.*.self_attn.k_proj': 'blk.*.attn_k',
  'model.layers.*.self_attn.v_proj': 'blk.*.attn_v',
  'model.layers.*.self_attn.qkv_proj': 'blk.*.attn_qkv',
  'model.layers.*.self_attn.o_proj': 'blk.*.attn_output',
  'model.layers.*.self_attn.q_norm': 'blk.*.attn_q_norm',
  'model.layers.*.self_attn.k_norm': 'blk.*.attn_k_norm',
  'model.layers.*.mlp.gate_proj': 'blk.*.ffn_gate',
  'model.layers.*.mlp.up_proj': 'blk.*.ffn_up',
  'model.layers.*.mlp.gate_up_proj': 'blk.*.ffn_up',
  'model.layers.*.mlp.down_proj': 'blk.*.ffn_down',
};
/** The norm after attention stands before the MLP in Llama's order, and behind attention in Gemma's and OLMo's. */
const NORMS = {
  llama: { post_attention_layernorm: 'ffn_norm' },
  around: {
    post_attention_layernorm: 'post_attention_norm',
    pre_feedforward_layernorm: 'ffn_norm',
    post_feedforward_layernorm: 'post_ffw_norm',
  },
} as const;

/**
 * The name that a tensor has in GGUF.
 *
 * @param name Hugging Face's, with `.weight` or `.bias`
 * @param normsAround whether layers have norms behind attention and MLP
 */
export function ggufName(name: string, normsAround: boolean): string {
  const [, module = '', suffix = ''] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
  const layer = /^model\.layers\.(\d+)\./.exec(module)?.[1];
  const pattern = layer === undefined ? module : module.replace(`.${layer}.`, '.*.');
  const norms: Readonly<Record<string, string>> = NORMS[normsAround ? 'around' : 'llama'];
  const norm = norms[pattern.replace('model.layers.*.', '')];
  const found = norm === undefined ? MODULES[pattern] : `blk.*.${norm}`;
  if (found === undefined) throw new Error(`there is no name in GGUF for ${name}`);
  return `${found.replace('*', layer ?? '')}.${suffix}`;
}
