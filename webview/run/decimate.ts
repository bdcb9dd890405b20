export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * At most about `limit` points that look like the whole curve: of each stretch of rows the lowest and the highest, in
 * their order, so that no spike is lost; first and last always. NaN becomes a gap where a whole stretch has no number.
 *
 * @param x rising; same length as `y`
 * @param begin first row, `end` the one after the last; by default all
 * @param drawable which values may be drawn; others count as NaN
 */
export function decimate(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  limit: number,
  begin = 0,
  end = Math.min(x.length, y.length),
  drawable: (value: number) => boolean = isNumber,
): Point[] {
  const points: Point[] = [];
  const add = (row: number): void => void points.push({ x: x[row]!, y: drawable(y[row]!) ? y[row]! : NaN });
  const length = end - begin;
  if (length <= limit) {
    for (let row = begin; row < end; row++) add(row);
    return points;
  }
  const stretches = Math.max(1, Math.floor((limit - 2) / 2));
  add(begin);
  // First and last stand alone, so the stretches divide what is between them.
  const inner = length - 2;
  for (let s = 0; s < stretches; s++) {
    const from = begin + 1 + Math.floor((s * inner) / stretches);
    const to = begin + 1 + Math.floor(((s + 1) * inner) / stretches);
    let low = -1;
    let high = -1;
    for (let row = from; row < to; row++) {
      const value = y[row]!;
      if (!drawable(value)) continue;
      if (low < 0 || value < y[low]!) low = row;
      if (high < 0 || value > y[high]!) high = row;
    }
    if (low < 0) {
      if (from < to) points.push({ x: x[from]!, y: NaN });
      continue;
    }
    add(Math.min(low, high));
    if (low !== high) add(Math.max(low, high));
  }
  add(end - 1);
  return points;
}

function isNumber(value: number): boolean {
  return !Number.isNaN(value);
}

/** What a logarithmic axis can show. */
export function isPositive(value: number): boolean {
  return value > 0;
}
