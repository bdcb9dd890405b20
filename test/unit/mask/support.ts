import { type MaskLayout, rowCount } from '../../../src/core/mask/index.js';

/** The segment of every row, by going through the segments one after the other. */
export function segmentsByRow(layout: MaskLayout): number[] {
  const of: number[] = [];
  layout.segmentBegin.forEach((begin, segment) => {
    for (let row = begin; row < layout.segmentEnd[segment]!; row++) of[row] = segment;
  });
  return of;
}

/** True when a token lies on the path of another, at or before it: what the mask must let through. */
export function onPath(layout: MaskLayout, segments: readonly number[], query: number, key: number): boolean {
  for (let segment = segments[query]!; segment >= 0; segment = layout.segmentParent[segment]!) {
    if (segment === segments[key]) return segment === segments[query] ? key <= query : true;
  }
  return false;
}

/** Every cell the mask lets through, cell by cell. */
export function visibleMatrix(layout: MaskLayout): boolean[][] {
  const rows = rowCount(layout);
  return Array.from({ length: rows }, (_, query) =>
    Array.from({ length: rows }, (_, key) => key <= query && query < layout.visibleUntil[key]!),
  );
}
