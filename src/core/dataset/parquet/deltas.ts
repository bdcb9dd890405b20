import { must } from '../table-fault.js';
import { varint } from './runs.js';

/**
 * Walks over numbers in Parquet's delta encoding, holding its block sizes against the bytes that are there.
 *
 * @param wanted how many numbers
 * @param bits 32 or 64, of a number
 * @param values gets the numbers, modulo 2^32
 * @returns where they end
 * @throws TableFault
 */
export function walkDeltas(bytes: DataView, from: number, end: number, wanted: number, bits: 32 | 64, values?: Int32Array): number {
  let at = from;
  const next = (): number => {
    const read = varint(bytes, at, end);
    at = read.at;
    return read.value;
  };
  const block = next();
  const miniblocks = next();
  const total = next();
  must(
    block > 0 && block <= 1 << 20 && miniblocks > 0 && miniblocks <= 1 << 12 && block % miniblocks === 0 && (block / miniblocks) % 8 === 0,
    `deltas in blocks of ${block} in ${miniblocks} parts`,
  );
  must(total === wanted, `deltas of ${total} values where ${wanted} are wanted`);
  const zigzag = (): number => {
    const read = longZigzag(bytes, at, end);
    at = read.at;
    return read.low;
  };
  let value = zigzag();
  if (values && wanted > 0) values[0] = value;
  const each = block / miniblocks;
  for (let seen = 1; seen < wanted; ) {
    const least = zigzag();
    must(miniblocks <= end - at, 'deltas end too early');
    const widths = at;
    at += miniblocks;
    for (let index = 0; index < miniblocks && seen < wanted; index++) {
      const width = bytes.getUint8(widths + index);
      must(width <= bits, `a delta of ${width} bits`);
      const held = Math.min(each, wanted - seen);
      must(Math.ceil((held * width) / 8) <= end - at, 'deltas end too early');
      if (values) {
        for (let number = 0; number < held; number++) {
          value = (value + least + packed(bytes, at, number * width, width)) | 0;
          values[seen + number] = value;
        }
      }
      at = Math.min(end, at + (each * width) / 8);
      seen += held;
    }
  }
  return at;
}

/** Modulo 2^32. */
function packed(bytes: DataView, from: number, bit: number, width: number): number {
  let value = 0;
  for (let read = 0; read < width; ) {
    const place = bit + read;
    const take = Math.min(8 - (place & 7), width - read);
    const part = (bytes.getUint8(from + (place >> 3)) >>> (place & 7)) & ((1 << take) - 1);
    if (read < 32) value |= part << read;
    read += take;
  }
  return value;
}

/** The lower 32 bits of a zigzag number of up to 64. */
function longZigzag(bytes: DataView, from: number, end: number): { readonly low: number; readonly at: number } {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    must(from + index < end, 'values end too early');
    const byte = bytes.getUint8(from + index);
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { low: Number(BigInt.asIntN(32, (value >> 1n) ^ -(value & 1n))), at: from + index + 1 };
  }
  must(false, 'a number without an end');
}
