import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { unlessMissing } from '../files/unless-missing.js';
import { type ModelConfig, modelWeights, readModelConfig, type StoredTensor } from '../model/index.js';
import type { WorkOptions } from '../work/progress.js';
import { describeModel, type GgufModel } from './architecture.js';
import { halfBits } from './half.js';
import { FILE_TYPES, type GgufType, tensorType } from './mix.js';
import { quantise } from './quantise/index.js';
import { parameterLabel } from './size-label.js';
import { ggufName } from './tensor-names.js';
import { type Change, changedRows } from './tensor-source.js';
import type { TensorType } from './tensor-types.js';
import { describeTokenizer } from './tokenizer/describe.js';
import { float32, int32, string, uint32, type Value } from './values.js';
import { dataBytes, type GgufTensor, refuseExisting, writeGguf } from './write.js';

/** What is to be written. */
export interface GgufRequest {
  /** A Hugging Face folder of a model. */
  readonly model: string;
  readonly type: GgufType;
  readonly out: string;
  /** What the model is called; by default as its folder. */
  readonly name?: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly overwrite?: boolean | undefined;
}

/** What was written. */
export interface GgufResult {
  readonly file: string;
  readonly bytes: number;
  /** The model's chat template, and texts that end a response. */
  readonly template: string | undefined;
  readonly stops: readonly string[];
  /** What llama.cpp does otherwise in rare texts, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Writes a model folder as a GGUF file for llama.cpp, tensor by tensor: the same tensors and metadata as its converter, and
 * for `q4_k_m` as its quantiser, makes of the weights as they are stored.
 *
 * @throws WishboneError naming what llama.cpp would compute otherwise; what cannot be read or written
 */
export async function exportGguf(request: GgufRequest, work: WorkOptions = {}): Promise<GgufResult> {
  const { model: folder, type, out, overwrite = false } = request;
  await refuseExisting(out, overwrite);
  const config = await readModelConfig(folder);
  const weights = await modelWeights(folder, config);
  const model = await describeModel(folder, config);
  const tokenizer = await describeTokenizer(folder, config.vocabSize);
  const tensors = tensorsOf(config, model, weights, type);
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
  const total = dataBytes(tensors);
  const began = performance.now();
  const onBytes = (done: number): void => {
    const seconds = (performance.now() - began) / 1000;
    const secondsLeft = seconds > 2 && done > 0 ? (seconds * (total - done)) / done : undefined;
    work.onProgress?.({ phase: 'gguf', done, total, secondsLeft });
  };
  await writeGguf(out, { metadata, tensors }, { overwrite, onBytes, signal: work.signal });
  const { template, stops, notes } = tokenizer;
  return { file: path.resolve(out), bytes: total, template, stops, notes };
}

/** llama.cpp knows by the name that the tokens of Phi-3 take away spaces behind them. */
function nameOf({ name, model }: GgufRequest, { family }: ModelConfig, strips: boolean): string {
  const own = name ?? path.basename(path.resolve(model));
  return family === 'phi3' && strips && !/phi-?3/i.test(own) ? `Phi-3 ${own}` : own;
}

function tensorsOf(
  config: ModelConfig,
  { architecture, extra }: GgufModel,
  weights: ReadonlyMap<string, StoredTensor>,
  type: GgufType,
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
    return { name: own, type: to, shape, read: () => converted(tensor, name, change, to) };
  });
  return [...small, ...stored];
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* converted(tensor: StoredTensor, name: string, change: Change, type: TensorType): AsyncGenerator<Uint8Array> {
  for await (const values of changedRows(tensor, name, change)) {
    if (type === 'F16') refuseLarge(values, name, tensor.file);
    yield quantise(type, values);
  }
}

/** From 65520 on half precision has infinity alone. */
function refuseLarge(values: Float32Array, name: string, file: string): void {
  for (let i = 0; i < values.length; i++) {
    if ((halfBits(values[i]!) & 0x7fff) === 0x7c00)
      throw new WishboneError(
        `the tensor holds ${values[i]}, which is too large for f16`,
        `${file}, tensor "${name}"`,
        'export it as bf16',
      );
  }
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
