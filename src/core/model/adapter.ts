import { access } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { readSafetensorsHeader } from '../files/safetensors.js';
import { parameterShapes, type ModelConfig } from './config.js';

const ANOTHER_ADAPTER = 'use an adapter that was trained on this model, or start a new one';

/**
 * Looks at a PEFT folder without reading a weight: it holds a LoRA adapter whose matrices fit the model's layers. The runner
 * looks closer (native-runner/src/pretrained/adapter.cpp); this is to say the plain things before minutes of tokenising.
 *
 * @throws WishboneError naming the file and the tensor or field
 */
export async function checkAdapter(folder: string, model: ModelConfig): Promise<void> {
  const config = path.join(folder, 'adapter_config.json');
  const weights = path.join(folder, 'adapter_model.safetensors');
  for (const file of [config, weights]) {
    await access(file).catch(() => {
      const advice = 'give a folder with adapter_config.json and adapter_model.safetensors';
      throw new WishboneError('the folder holds no PEFT adapter', file, advice);
    });
  }
  const kind = await kindOf(config);
  if (kind !== 'LORA') {
    const what = `the adapter is of the kind ${JSON.stringify(kind)}`;
    throw new WishboneError(what, `${config}, field "peft_type"`, 'only LoRA adapters ("LORA") can be trained');
  }
  const shapes = new Map(parameterShapes(model));
  const { tensors } = await readSafetensorsHeader(weights);
  for (const [name, { shape }] of tensors) {
    const refuse = (what: string): never => {
      throw new WishboneError(`the adapter is for another model: ${what}`, `${weights}, tensor "${name}"`, ANOTHER_ADAPTER);
    };
    const [, layer, side] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    if (layer === undefined) continue;
    const own = shapes.get(`${layer}.weight`);
    if (own?.length !== 2) return refuse('this one has no such layer');
    // A: [rank, inputs]; B: [outputs, rank].
    const [at, size] = side === 'A' ? [1, own[1]] : [0, own[0]];
    if (shape.length !== 2 || shape[at] !== size) refuse(`the tensor is [${shape.join(', ')}], the layer ${own[1]} to ${own[0]}`);
  }
}

async function kindOf(file: string): Promise<unknown> {
  try {
    return (JSON.parse(await readPlainText(file, mostBytes.json)) as { peft_type?: unknown } | null)?.peft_type;
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    throw new WishboneError(`not valid JSON: ${(error as Error).message}`, file, 'save the adapter again with PEFT');
  }
}
