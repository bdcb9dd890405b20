import { WishboneError } from '../errors.js';
import type { WorkOptions } from '../work/progress.js';
import { halfBits } from './half.js';
import { inOrder, type Quantiser } from './quantise/pool.js';
import type { TensorType } from './tensor-types.js';
import type { Value } from './values.js';
import { dataBytes, type GgufTensor, writeGguf } from './write.js';

/** Writes the file and tells how far it is. @returns bytes of the tensors */
export async function write(
  file: string,
  metadata: ReadonlyMap<string, Value>,
  tensors: readonly GgufTensor[],
  { overwrite, onProgress, signal }: WorkOptions & { readonly overwrite: boolean },
): Promise<number> {
  const total = dataBytes(tensors);
  const began = performance.now();
  const onBytes = (done: number): void => {
    const seconds = (performance.now() - began) / 1000;
    const secondsLeft = seconds > 2 && done > 0 ? (seconds * (total - done)) / done : undefined;
    onProgress?.({ phase: 'gguf', done, total, secondsLeft });
  };
  await writeGguf(file, { metadata, tensors }, { overwrite, onBytes, signal });
  return total;
}

/** The bytes of a tensor in a type. @param source what to name when they cannot be had */
export function converted(
  rows: AsyncIterable<Float32Array<ArrayBuffer>>,
  { name, file }: { readonly name: string; readonly file: string },
  type: TensorType,
  quantiser: Quantiser,
): AsyncIterable<Uint8Array> {
  return inOrder(rows, quantiser.width, async (values) => {
    if (type === 'F16') refuseLarge(values, name, file);
    return quantiser.quantise(type, values);
  });
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
