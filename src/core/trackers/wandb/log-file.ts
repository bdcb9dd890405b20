/** Blocks and frames of LevelDB's log, in which W&B's client keeps the records of an offline run. */
const BLOCK_BYTES = 32_768;
const FRAME_BYTES = 7;
/** What the file begins with: a word, a number and a version. */
export const LOG_HEADER = Buffer.from([...Buffer.from(':W&B'), 0xe1, 0xbe, 0]);

const WHOLE = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

/**
 * Records as they stand in the file.
 *
 * @param at bytes that the file has before them
 */
export function framed(records: readonly Buffer[], at: number): Buffer {
  const parts: Buffer[] = [];
  let position = at;
  for (const record of records) {
    let from = 0;
    // A frame may be empty: where just its own head has room.
    for (let [isFirst, isLast] = [true, false]; !isLast; ) {
      const left = BLOCK_BYTES - (position % BLOCK_BYTES);
      if (left < FRAME_BYTES) {
        parts.push(Buffer.alloc(left));
        position += left;
        continue;
      }
      const data = record.subarray(from, from + left - FRAME_BYTES);
      isLast = from + data.length === record.length;
      const type = isFirst ? (isLast ? WHOLE : FIRST) : isLast ? LAST : MIDDLE;
      const frame = Buffer.alloc(FRAME_BYTES);
      frame.writeUInt32LE(crc32([Buffer.from([type]), data]), 0);
      frame.writeUInt16LE(data.length, 4);
      frame.writeUInt8(type, 6);
      parts.push(frame, data);
      position += FRAME_BYTES + data.length;
      from += data.length;
      isFirst = false;
    }
  }
  return Buffer.concat(parts);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  return value;
});

/** CRC-32 as zlib has it, which Node.js gives from 20.15 on. */
function crc32(parts: readonly Uint8Array[]): number {
  let value = 0xffffffff;
  for (const part of parts) for (const byte of part) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 0xff] as number);
  return ~value >>> 0;
}
