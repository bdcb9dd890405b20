import { PackedBytes } from './packed-bytes.js';
import { must } from './table-fault.js';

const LARGEST_BLOCK = 2 ** 17;

/**
 * Holds what the frames of Zstandard say of themselves against the size there should be: the decompressor believes them.
 *
 * Format: RFC 8878
 *
 * @throws TableFault
 */
export function checkFrames(bytes: Uint8Array, size: number): void {
  const packed = new PackedBytes(bytes);
  const { view } = packed;
  const take = (count: number): number => packed.take(count);
  let total = 0;
  while (!packed.isOver) {
    const magic = view.getUint32(take(4), true);
    if (magic >>> 4 === 0x184d2a5) {
      take(view.getUint32(take(4), true));
      continue;
    }
    must(magic === 0xfd2fb528, 'packed bytes are no Zstandard');
    const flags = view.getUint8(take(1));
    const isSingle = (flags & 0x20) !== 0;
    if (!isSingle) {
      const log = view.getUint8(take(1)) >> 3;
      must(log <= 17, `a window of 2^${log + 10} bytes`);
    }
    take([0, 1, 2, 4][flags & 3] as number);
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][flags >> 6] as number;
    const place = take(sizeBytes);
    let said: number | undefined;
    if (sizeBytes === 1) said = view.getUint8(place);
    if (sizeBytes === 2) said = view.getUint16(place, true) + 256;
    if (sizeBytes === 4) said = view.getUint32(place, true);
    if (sizeBytes === 8) said = Number(view.getBigUint64(place, true));
    let most = 0;
    for (let last = false; !last; ) {
      const head = take(3);
      const block = bytes[head]! | (bytes[head + 1]! << 8) | (bytes[head + 2]! << 16);
      const [kind, length] = [(block >> 1) & 3, block >> 3];
      last = (block & 1) !== 0;
      take(kind === 1 ? 1 : length);
      most += kind === 2 ? LARGEST_BLOCK : length;
    }
    if ((flags & 4) !== 0) take(4);
    // Without a size, blocks may be shorter than they could be: those of writers that flush often.
    must(
      said === undefined ? most <= 4 * size + 8 * LARGEST_BLOCK : said <= most,
      `packed bytes say ${said ?? most} where there should be ${size}`,
    );
    total += said ?? 0;
    must(total <= size, `packed bytes say ${total} where there should be ${size}`);
  }
}
