import path from 'node:path';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import { type ModelConfig, modelWeights, readModelConfig, type StoredTensor } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import { exportAdapter } from './adapter.js';
import { describeModel, type GgufModel } from './architecture.js';
import { converted, write } from './convert.js';
import { FILE_TYPES, type GgufType, tensorType } from './mix.js';
import { quantise } from './quantise/index.js';
import { type Quantiser, quantiserHere } from './quantise/pool.js';
import { parameterLabel } from './size-label.js';
import { ggufName } from './tensor-names.js';
import { type Change, changedRows } from './tensor-source.js';
import type { GgufRequest, GgufResult } from './request.js';
import { describeTokenizer } from './tokenizer/describe.js';
import { float32, int32, string, uint32, type Value } from './values.js';
import { type GgufTensor, refuseExisting } from './write.js';

/**
 * Writes a model folder as a GGUF file for llama.cpp, tensor by tensor: the same tensors and metadata as its converter, and
 * for `q4_k_m` as its quantiser, makes of the weights as they are stored.
 *
 * @throws WishboneError naming what llama.cpp would compute otherwise; what cannot be read or written
 */
export async function exportGguf(request: GgufRequest, work: WorkOptions = {}, quantiser: Quantiser = quantiserHere): Promise<GgufResult> {
  const { model: folder, type, out, overwrite = false } = request;
  await refuseExisting(out, overwrite);
  if (request.adapter !== undefined) return exportAdapter({ ...request, adapter: request.adapter }, work, quantiser);
  const config = await readModelConfig(folder);
  const weights = await modelWeights(folder, config);
  const model = await describeModel(folder, config);
  const tokenizer = await describeTokenizer(folder, config.vocabSize);
  const tensors = tensorsOf(config, model, weights, { type, quantiser });
  const metadata = new Map<string, Value>([
    ['general.architecture', string(model.architecture.name)],
    ['general.type', string('model')],
    ...(await samplingOf(folder)),
    ['general.name', string(nameOf(request, config, tokenizer.stripsSpaces))],
    ['general.size_label', string(parameterLabel(tensors))],
    ...model.metadata,
    ['general.file_type', uint32(FILE_TYPES[type])],
    ['general.quantization_version', uint32(2)],
    ...tokenizer.metadata,
  ]);
  const bytes = await write(out, metadata, tensors, { overwrite, ...work });
  const { template, stops } = tokenizer;
  const notes = [...model.notes, ...tokenizer.notes];
  return { file: path.resolve(out), bytes, template, stops, notes };
}

/**
 * llama.cpp knows by the name that the tokens of Phi-3 take away spaces behind them. It does not open any other file of such a name, or takes
 * away spaces there too.
 */
function nameOf({ name, model }: GgufRequest, { family }: ModelConfig, strips: boolean): string {
  const own = name ?? path.basename(path.resolve(model));
  if (family !== 'phi3' || !strips) return own.replaceAll(/phi-?3/gi, 'Phi 3');
  return /phi-?3/i.test(own) ? own : `Phi-3 ${own}`;
}

function tensorsOf(
  config: ModelConfig,
  { architecture, extra }: GgufModel,
  weights: ReadonlyMap<string, StoredTensor>,
  { type, quantiser }: { readonly type: GgufType; readonly quantiser: Quantiser },
): GgufTensor[] {
  const mix = {
    architecture: architecture.name,
    layers: config.layers,
    heads: config.queryHeads,
    kvHeads: config.kvHeads,
    tied: config.tied,
  };
  const small = [...extra].map(([name, values]): GgufTensor => {
    return { name, type: 'F32', shape: [values.length], read: () => once(quantise('F32', values)) };
  });
  const stored = [...weights].map(([name, tensor]): GgufTensor => {
    const { shape } = tensor.info;
    const own = ggufName(name, architecture.normsAround === true);
    const to = tensorType(own, shape, type, mix);
    const change: Change = {
      pairedRows: architecture.permutes && /\.(q|k)_proj\.(weight|bias)$/.test(name) ? config.headDim : undefined,
      addsOne: architecture.addsOne && name.endsWith('norm.weight') ? true : undefined,
    };
    return {
      name: own,
      type: to,
      shape,
      read: () => converted(changedRows(tensor, name, change), { name, file: tensor.file }, to, quantiser),
    };
  });
  return [...small, ...stored];
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** How texts are sampled by default, of `generation_config.json`. */
async function samplingOf(folder: string): Promise<[string, Value][]> {
  const file = path.join(folder, 'generation_config.json');
  const written = await unlessMissing(file, () => readPlainText(file, mostBytes.json));
  let json: unknown;
  try {
    json = JSON.parse(written ?? '{}');
  } catch {
    return [];
  }
  if (typeof json !== 'object' || json === null) return [];
  const given = json as Record<string, unknown>;
  return (
    [
      ['top_k', 'top_k', int32],
      ['top_p', 'top_p', float32],
      ['min_p', 'min_p', float32],
      ['temperature', 'temp', float32],
      ['repetition_penalty', 'penalty_repeat', float32],
    ] as const
  ).flatMap(([field, key, value]): [string, Value][] => {
    const number = given[field];
    return typeof number === 'number' ? [[`general.sampling.${key}`, value(number)]] : [];
  });
}
