import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { readSafetensorsHeader } from '../files/safetensors.js';
import { checkAdapter, isWeightType, readModelConfig, type StoredTensor } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import { describeModel } from './architecture.js';
import { converted, write } from './convert.js';
import { tensorType } from './mix.js';
import type { Quantiser } from './quantise/pool.js';
import { parameterLabel } from './size-label.js';
import { ggufName } from './tensor-names.js';
import { changedRows } from './tensor-source.js';
import { float32, string, uint32, type Value } from './values.js';
import type { GgufRequest, GgufResult } from './request.js';
import type { GgufTensor } from './write.js';

/**
 * Writes a LoRA adapter as a GGUF file that llama.cpp lays over the GGUF file of its model (convert_lora_to_gguf.py of llama.cpp).
 *
 * @throws WishboneError naming what llama.cpp cannot do with an adapter; what cannot be read or written
 */
export async function exportAdapter(
  request: GgufRequest & { readonly adapter: string },
  work: WorkOptions,
  quantiser: Quantiser,
): Promise<GgufResult> {
  const { model: base, adapter: folder, type, out, overwrite = false } = request;
  const configFile = path.join(folder, 'adapter_config.json');
  const weightFile = path.join(folder, 'adapter_model.safetensors');
  if (type === 'q4_k_m')
    throw new WishboneError(
      'llama.cpp has no adapters of type q4_k_m',
      folder,
      'choose f16, bf16 or q8_0; the model beneath it may be q4_k_m',
    );
  const config = await readModelConfig(base);
  await checkAdapter(folder, config);
  const { architecture } = await describeModel(base, config);
  const fields = await readJson(configFile);
  const { tensors: stored, dataStart } = await readSafetensorsHeader(weightFile);
  const mix = {
    architecture: architecture.name,
    layers: config.layers,
    heads: config.queryHeads,
    kvHeads: config.kvHeads,
    tied: config.tied,
  };
  const ranks = new Map<string, number>();
  const tensors = [...stored].map(([name, info]): GgufTensor => {
    const refuse = (what: string, advice: string): never => {
      throw new WishboneError(what, `${weightFile}, tensor "${name}"`, advice);
    };
    const [, module = '', side] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (side === undefined)
      return refuse('llama.cpp has LoRA matrices in an adapter, and nothing else', 'merge the adapter into the model first');
    if (module === 'lm_head' && config.tied)
      return refuse(
        'the head of this model is its embedding, which llama.cpp lays no adapter over',
        'merge the adapter into the model first',
      );
    if (!isWeightType(info.dtype)) return refuse(`the tensor has dtype ${info.dtype}`, 'save the adapter in F32, F16 or BF16');
    if (side === 'A') ranks.set(module, info.shape[0]!);
    const own = `${ggufName(`${module}.weight`, architecture.normsAround === true)}.lora_${side.toLowerCase()}`;
    const to = tensorType(`${own}.weight`, info.shape, type, mix);
    const turned = side === 'B' && architecture.permutes && /\.(q|k)_proj$/.test(module);
    const tensor: StoredTensor = { file: weightFile, dataStart, info };
    const rows = () => changedRows(tensor, name, { pairedRows: turned ? config.headDim : undefined });
    return { name: own, type: to, shape: info.shape, read: () => converted(rows(), { name, file: weightFile }, to, quantiser) };
  });
  const alpha = alphaOf(fields, ranks, configFile);
  const metadata = new Map<string, Value>([
    ['general.architecture', string(architecture.name)],
    ['general.type', string('adapter')],
    ['adapter.type', string('lora')],
    ['general.name', string(request.name ?? path.basename(path.resolve(folder)))],
    ['general.size_label', string(parameterLabel(tensors))],
    ['adapter.lora.alpha', float32(alpha)],
    ['general.quantization_version', uint32(2)],
  ]);
  const bytes = await write(out, metadata, tensors, { overwrite, ...work });
  return { file: path.resolve(out), bytes, template: undefined, stops: [], notes: [] };
}

async function readJson(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return JSON.parse(await readPlainText(file, mostBytes.json)) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    throw new WishboneError(`not valid JSON: ${(error as Error).message}`, file, 'save the adapter again with PEFT');
  }
}

/**
 * llama.cpp multiplies by alpha / rank, with one alpha for all layers and each layer's own rank. PEFT's scale may depend on the layer,
 * and on the root of the rank.
 */
function alphaOf(fields: Readonly<Record<string, unknown>>, ranks: ReadonlyMap<string, number>, file: string): number {
  const refuse = (field: string, what: string): never => {
    throw new WishboneError(what, `${file}, field "${field}"`, 'merge the adapter into the model first');
  };
  if (fields['use_dora'] === true) refuse('use_dora', 'llama.cpp has no DoRA');
  if (typeof fields['bias'] === 'string' && fields['bias'] !== 'none') refuse('bias', 'llama.cpp has no biases in an adapter');
  const own = fields['lora_alpha'];
  const alpha = typeof own === 'number' ? own : 8;
  const patterns = Object.values((fields['alpha_pattern'] ?? {}) as Readonly<Record<string, unknown>>);
  if (patterns.some((value) => value !== alpha))
    refuse('alpha_pattern', 'llama.cpp has one alpha for all layers of an adapter, and this one has several');
  if (fields['use_rslora'] !== true) return alpha;
  const [rank = 1, ...others] = [...new Set(ranks.values())];
  if (others.length > 0) refuse('use_rslora', 'llama.cpp divides by ranks, not by their roots, and this adapter has several ranks');
  return alpha * Math.sqrt(rank);
}
