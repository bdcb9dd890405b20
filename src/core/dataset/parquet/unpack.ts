import type { Compressors } from 'hyparquet';
import { must } from '../table-fault.js';
import { checkFrames } from '../zstd-frames.js';

/** How many bytes a byte can become at most, by the format; of the others the sizes in the footer are all there is. */
const MOST_GROWTH: Readonly<Record<string, number>> = { UNCOMPRESSED: 1, SNAPPY: 33, LZ4: 256, LZ4_RAW: 256, GZIP: 1033 };

/**
 * Unpacks a page of which the header says how long it is.
 *
 * @throws TableFault when it says more than the packed bytes can hold
 */
export function unpack(codec: string, packed: Uint8Array, size: number, compressors: Compressors): Uint8Array {
  checkSize(codec, packed.length, size);
  if (size === 0) return new Uint8Array(0);
  if (codec === 'UNCOMPRESSED') return packed;
  if (codec === 'ZSTD') checkFrames(packed, size);
  const decompress = compressors[codec as keyof Compressors];
  must(decompress !== undefined, `it is packed with ${codec}, which is not known here`);
  return decompress(packed, size);
}

/** @throws TableFault as `unpack`, of the sizes alone */
export function checkSize(codec: string, packed: number, size: number): void {
  const most = (MOST_GROWTH[codec] ?? Infinity) * (packed + 16);
  must(size <= most, `a page says ${size} bytes in ${packed} that are packed with ${codec}`);
}
