/** A part of the mask as it is seen: pixels a token, and the tokens at the plot's left and upper edge. */
export interface Viewport {
  /** CSS pixels a token is wide and high. */
  readonly scale: number;
  /** Key at the left edge; a fraction where a token is cut. */
  readonly left: number;
  /** Query at the upper edge. */
  readonly top: number;
}

/** The room there is, and what is to be seen in it. */
export interface Extent {
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Tokens on a side. */
  readonly rows: number;
}

/** Pixels a token, at most. */
export const LARGEST_SCALE = 40;

/** Shows everything. */
export function fitScale({ width, height, rows }: Extent): number {
  return Math.min(LARGEST_SCALE, Math.min(width, height) / Math.max(1, rows));
}

/** The nearest viewport that shows no more than there is: what is smaller than the room stays at its corner. */
export function clamp({ scale, left, top }: Viewport, extent: Extent, smallest = fitScale(extent)): Viewport {
  const held = Math.min(LARGEST_SCALE, Math.max(smallest, scale));
  const most = (pixels: number): number => Math.max(0, extent.rows - pixels / held);
  return {
    scale: held,
    left: Math.min(most(extent.width), Math.max(0, left)),
    top: Math.min(most(extent.height), Math.max(0, top)),
  };
}

/** Zooms by a factor; the token under the point (CSS pixels within the plot) stays where it is. */
export function zoomAt(view: Viewport, factor: number, x: number, y: number, smallest: number): Viewport {
  const scale = Math.min(LARGEST_SCALE, Math.max(smallest, view.scale * factor));
  return {
    scale,
    left: view.left + x / view.scale - x / scale,
    top: view.top + y / view.scale - y / scale,
  };
}

/** Moves what is seen by so many CSS pixels: positive ones bring what lies right and below into view. */
export function panBy(view: Viewport, dx: number, dy: number): Viewport {
  return { ...view, left: view.left + dx / view.scale, top: view.top + dy / view.scale };
}

/** A cell of the mask. */
export interface Cell {
  readonly query: number;
  readonly key: number;
}

/** The cell under a point of the plot (CSS pixels); undefined when there is none. */
export function cellAt(view: Viewport, extent: Extent, x: number, y: number): Cell | undefined {
  const key = Math.floor(view.left + x / view.scale);
  const query = Math.floor(view.top + y / view.scale);
  const inside = x >= 0 && y >= 0 && x < extent.width && y < extent.height;
  return inside && key >= 0 && query >= 0 && key < extent.rows && query < extent.rows ? { query, key } : undefined;
}

/** Moves as little as is needed to bring a cell into view, with some tokens around it. */
export function reveal(view: Viewport, extent: Extent, { query, key }: Cell): Viewport {
  const along = (first: number, pixels: number, token: number): number => {
    const seen = pixels / view.scale;
    const margin = Math.min(seen / 4, 24 / view.scale + 1);
    if (token < first + margin) return token - margin;
    if (token + 1 > first + seen - margin) return token + 1 + margin - seen;
    return first;
  };
  return {
    scale: view.scale,
    left: along(view.left, extent.width, key),
    top: along(view.top, extent.height, query),
  };
}

/** Puts a range of tokens into the middle, as large as it fits. */
export function showRange(begin: number, end: number, extent: Extent): Viewport {
  const scale = Math.min(LARGEST_SCALE, (0.9 * Math.min(extent.width, extent.height)) / Math.max(1, end - begin));
  const middle = (begin + end) / 2;
  return { scale, left: middle - extent.width / scale / 2, top: middle - extent.height / scale / 2 };
}

/** Tokens that are at least partly seen along an axis: `[from, to)`. */
export function seen(first: number, pixels: number, scale: number, rows: number): [from: number, to: number] {
  return [Math.max(0, Math.floor(first)), Math.max(0, Math.min(rows, Math.ceil(first + pixels / scale)))];
}
