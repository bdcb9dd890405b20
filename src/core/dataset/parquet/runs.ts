import { must } from '../table-fault.js';

/** What a walk over runs found. */
export interface Runs {
  /** Where the runs end. */
  readonly at: number;
  /** How many values are the one that was looked for. */
  readonly matches: number;
}

/**
 * Walks over values in Parquet's hybrid of runs and bit-packed groups, and holds the length of each run against the values
 * that are wanted: a decoder that believes it fills memory with one run.
 *
 * @param width bits of a value
 * @param wanted values there must be
 * @param sought value that is counted; undefined: none is
 * @throws TableFault
 */
export function walkRuns(bytes: DataView, from: number, end: number, width: number, wanted: number, sought?: number): Runs {
  let at = from;
  let matches = 0;
  for (let seen = 0; seen < wanted; ) {
    const header = varint(bytes, at, end);
    at = header.at;
    const left = wanted - seen;
    if (header.value % 2 === 1) {
      const values = ((header.value - 1) / 2) * 8;
      // Packed by eights; writers fill the last group of a run.
      must(values < left + 512, `a run of ${values} values where ${left} are left`);
      const size = (values * width) / 8;
      // Some writers leave out what would only fill the last group.
      const needed = Math.ceil((Math.min(values, left) * width) / 8);
      must(needed <= end - at, `a run of ${size} bytes where ${end - at} are left`);
      if (sought !== undefined) matches += countPacked(bytes, at, width, Math.min(values, left), sought);
      at = Math.min(end, at + size);
      seen += values;
    } else {
      const values = header.value / 2;
      must(values <= left, `a run of ${values} values where ${left} are left`);
      const size = (width + 7) >> 3;
      must(size <= end - at, `a run's value of ${size} bytes where ${end - at} are left`);
      let value = 0;
      for (let index = 0; index < size; index++) value += bytes.getUint8(at + index) * 2 ** (8 * index);
      if (value === sought) matches += values;
      at += size;
      seen += values;
    }
  }
  return { at, matches };
}

function countPacked(bytes: DataView, from: number, width: number, values: number, sought: number): number {
  let matches = 0;
  let [at, bits, held] = [from, 0, 0];
  const mask = (1 << width) - 1;
  for (let index = 0; index < values; index++) {
    while (held < width) {
      bits |= bytes.getUint8(at++) << held;
      held += 8;
    }
    if ((bits & mask) === sought) matches++;
    bits >>>= width;
    held -= width;
  }
  return matches;
}

/** @throws TableFault */
export function varint(bytes: DataView, from: number, end: number): { readonly value: number; readonly at: number } {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    must(from + index < end, 'values end too early');
    const byte = bytes.getUint8(from + index);
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, at: from + index + 1 };
  }
  must(false, 'a number without an end');
}
