import { openPlain } from '../files/plain-file.js';
import { WishboneError } from '../errors.js';
import type { StoredTensor } from '../model/index.js';
import { halfValue } from './half.js';

/** How a stored tensor becomes one of GGUF: which rows stand where, and what is added. */
export interface Change {
  /** Rows of a head whose halves are to stand side by side, pair by pair; undefined: rows stay where they are. */
  readonly pairedRows?: number | undefined;
  readonly addsOne?: boolean | undefined;
}

/** Elements that are read at once: a tenth of a second of the slowest quantiser, so that a cancel is heard soon. */
const AT_ONCE = 1 << 19;
const HALVES = Float32Array.from({ length: 1 << 16 }, (_, bits) => halfValue(bits));

/**
 * Reads a tensor row by row as float32 numbers, some rows at a time, changed.
 *
 * @throws WishboneError when a number is none, which no format of GGUF holds as llama.cpp wants it
 */
export async function* changedRows(
  tensor: StoredTensor,
  name: string,
  { pairedRows, addsOne }: Change,
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  const { file, dataStart, info } = tensor;
  const columns = info.shape.length < 2 ? 1 : info.shape.at(-1)!;
  const rows = info.elements / columns;
  const unit = pairedRows ?? 1;
  const rowsAtOnce = Math.max(unit, Math.floor(AT_ONCE / columns / unit) * unit);
  const bytes = info.dtype === 'F32' ? 4 : 2;
  const handle = await openPlain(file);
  try {
    for (let row = 0; row < rows; row += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, rows - row) * columns;
      const raw = new Uint8Array(count * bytes);
      await readExactly(handle, raw, dataStart + info.begin + row * columns * bytes, file);
      let values = decoded(raw, info.dtype);
      refuseNoNumbers(values, name, file);
      if (addsOne) for (let i = 0; i < count; i++) values[i] = values[i]! + 1;
      if (pairedRows !== undefined) values = paired(values, columns, pairedRows);
      yield values;
    }
  } finally {
    await handle.close();
  }
}

async function readExactly(handle: Awaited<ReturnType<typeof openPlain>>, into: Uint8Array, position: number, file: string): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await handle.read(into, at, Math.min(into.length - at, 1 << 28), position + at);
    if (bytesRead === 0) throw new WishboneError('the file became shorter while it was read', file, 'write or download it again');
    at += bytesRead;
  }
}

function decoded(raw: Uint8Array<ArrayBuffer>, dtype: string): Float32Array<ArrayBuffer> {
  if (dtype === 'F32') return new Float32Array(raw.buffer);
  const halves = new Uint16Array(raw.buffer);
  const values = new Float32Array(halves.length);
  if (dtype === 'F16') {
    for (let i = 0; i < halves.length; i++) values[i] = HALVES[halves[i]!]!;
  } else {
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  }
  return values;
}

function refuseNoNumbers(values: Float32Array, name: string, file: string): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]))
      throw new WishboneError(
        `the tensor holds ${String(values[i])}, which is no weight`,
        `${file}, tensor "${name}"`,
        'the training went wrong there; use an earlier checkpoint',
      );
  }
}

/** Llama's heads: element i of the first half and element i of the second stand side by side. */
function paired(values: Float32Array, columns: number, head: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  const half = head / 2;
  for (let from = 0; from * columns < values.length; from++) {
    const within = from % head;
    const to = from - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    out.set(values.subarray(from * columns, (from + 1) * columns), to * columns);
  }
  return out;
}
