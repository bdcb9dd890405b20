import { PackedBytes } from '../packed-bytes.js';
import { must } from '../table-fault.js';

const MAGIC = 0x184d2204;
const SKIPPED = 0x184d2a50;
/** Most bytes that a byte can become. */
const MOST_GROWTH = 255;
/** Fewer bytes are copied faster one by one. */
const SHORT = 48;

/**
 * Unpacks an LZ4 frame (LZ4_Frame_format.md). Checksums are passed over.
 *
 * @param size of what it holds
 * @throws TableFault when it holds another number of bytes, or is damaged
 */
export function unpackLz4Frame(bytes: Uint8Array, size: number): Uint8Array {
  must(size <= MOST_GROWTH * (bytes.length + 16), `${size} bytes in ${bytes.length} that are packed with LZ4`);
  const packed = new PackedBytes(bytes);
  const { view } = packed;
  const take = (count: number): number => packed.take(count);
  const out = new Uint8Array(size);
  let written = 0;
  while (!packed.isOver) {
    const magic = view.getUint32(take(4), true);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPED) {
      take(view.getUint32(take(4), true));
      continue;
    }
    must(magic === MAGIC, 'packed bytes are no LZ4 frame');
    const flags = view.getUint8(take(1));
    must(flags >> 6 === 1, 'an LZ4 frame of an unknown version');
    must((flags & 1) === 0, 'an LZ4 frame that needs a dictionary');
    const isLinked = (flags & 0x20) === 0;
    // The largest block, the size of the content, and the checksum of the header.
    take(1 + ((flags & 8) !== 0 ? 8 : 0) + 1);
    const frame = written;
    for (;;) {
      const head = view.getUint32(take(4), true);
      if (head === 0) break;
      const length = head & 0x7fffffff;
      const start = take(length);
      if (head >>> 31 === 1) {
        must(length <= size - written, 'packed bytes hold more than they say');
        out.set(bytes.subarray(start, start + length), written);
        written += length;
      } else {
        written = unpackBlock(bytes, start, start + length, out, written, isLinked ? frame : written);
      }
      if ((flags & 0x10) !== 0) take(4);
    }
    if ((flags & 4) !== 0) take(4);
  }
  must(written === size, `packed bytes hold ${written} bytes where there should be ${size}`);
  return out;
}

/**
 * Unpacks a block (LZ4_Block_format.md) behind what is there already.
 *
 * @param from copies reach back to this place at most
 * @returns where the content ends
 */
function unpackBlock(bytes: Uint8Array, start: number, end: number, out: Uint8Array, place: number, from: number): number {
  let at = start;
  let to = place;
  const extended = (): number => {
    let total = 15;
    for (let byte = 255; byte === 255; total += byte) {
      must(at < end, 'packed bytes end too early');
      byte = bytes[at++]!;
    }
    return total;
  };
  while (at < end) {
    const token = bytes[at++]!;
    const literals = token >> 4 === 15 ? extended() : token >> 4;
    must(literals <= end - at, 'packed bytes end too early');
    must(literals <= out.length - to, 'packed bytes hold more than they say');
    if (literals > SHORT) out.set(bytes.subarray(at, at + literals), to);
    else for (let index = 0; index < literals; index++) out[to + index] = bytes[at + index]!;
    at += literals;
    to += literals;
    if (at === end) break;
    must(end - at >= 2, 'packed bytes end too early');
    const back = bytes[at]! | (bytes[at + 1]! << 8);
    at += 2;
    must(back > 0 && back <= to - from, 'packed bytes copy from before their start');
    const length = ((token & 15) === 15 ? extended() : token & 15) + 4;
    must(length <= out.length - to, 'packed bytes hold more than they say');
    if (length > SHORT && back >= length) out.copyWithin(to, to - back, to - back + length);
    else for (let index = 0; index < length; index++) out[to + index] = out[to + index - back]!;
    to += length;
  }
  return to;
}
