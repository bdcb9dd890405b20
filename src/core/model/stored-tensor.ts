import { openPlain } from '../files/plain-file.js';
import type { DType, TensorInfo } from '../files/safetensors.js';

/** A tensor within a weight file. */
export interface StoredTensor {
  readonly file: string;
  /** Where the file's data begin. */
  readonly dataStart: number;
  readonly info: TensorInfo;
}

/** A number from its bits, by the types that weights may have. */
const DECODERS = {
  F32: { bytes: 4, value: (view: DataView, at: number) => view.getFloat32(at, true) },
  BF16: { bytes: 2, value: (view: DataView, at: number) => asFloat(view.getUint16(at, true) << 16) },
  F16: { bytes: 2, value: (view: DataView, at: number) => half(view.getUint16(at, true)) },
} as const satisfies Partial<Record<DType, unknown>>;
type WeightType = keyof typeof DECODERS;

export function isWeightType(type: DType): type is WeightType {
  return Object.hasOwn(DECODERS, type);
}

const ELEMENTS_AT_ONCE = 1 << 20;

/** Whether two tensors hold the same numbers, if of different types. Reads no more than it has to. */
export async function sameTensor(a: StoredTensor, b: StoredTensor): Promise<boolean> {
  const [typeA, typeB] = [a.info.dtype, b.info.dtype];
  if (a.info.shape.join() !== b.info.shape.join() || !isWeightType(typeA) || !isWeightType(typeB)) return false;
  for (let begin = 0; begin < a.info.elements; begin += ELEMENTS_AT_ONCE) {
    const count = Math.min(ELEMENTS_AT_ONCE, a.info.elements - begin);
    const one = await readElements(a, begin, count, DECODERS[typeA].bytes);
    const other = await readElements(b, begin, count, DECODERS[typeB].bytes);
    if (typeA === typeB) {
      if (!one.equals(other)) return false;
      continue;
    }
    const values = (bytes: Buffer, type: WeightType): ((index: number) => number) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const { bytes: size, value } = DECODERS[type];
      return (index) => value(view, index * size);
    };
    const [valueOfOne, valueOfOther] = [values(one, typeA), values(other, typeB)];
    for (let index = 0; index < count; index++) if (valueOfOne(index) !== valueOfOther(index)) return false;
  }
  return true;
}

async function readElements({ file, dataStart, info }: StoredTensor, begin: number, count: number, bytes: number): Promise<Buffer> {
  const handle = await openPlain(file);
  try {
    const buffer = Buffer.alloc(count * bytes);
    await handle.read(buffer, 0, buffer.length, dataStart + info.begin + begin * bytes);
    return buffer;
  } finally {
    await handle.close();
  }
}

const scratch = new DataView(new ArrayBuffer(4));

function asFloat(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
