export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * At most about `limit` points that look like the whole curve: of each stretch of rows the lowest and the highest, in
 * their order, so that no spike is lost; first and last always. NaN becomes a gap where a whole stretch has no number.
 *
 * @param x rising; same length as `y`
 */
export function decimate(x: ArrayLike<number>, y: ArrayLike<number>, limit: number): Point[] {
  const points: Point[] = [];
  const length = Math.min(x.length, y.length);
  if (length <= limit) {
    for (let i = 0; i < length; i++) points.push({ x: x[i]!, y: y[i]! });
    return points;
  }
  const stretches = Math.max(1, Math.floor((limit - 2) / 2));
  points.push({ x: x[0]!, y: y[0]! });
  // First and last stand alone, so the stretches divide what is between them.
  const inner = length - 2;
  for (let s = 0; s < stretches; s++) {
    const begin = 1 + Math.floor((s * inner) / stretches);
    const end = 1 + Math.floor(((s + 1) * inner) / stretches);
    let low = -1;
    let high = -1;
    for (let i = begin; i < end; i++) {
      if (Number.isNaN(y[i]!)) continue;
      if (low < 0 || y[i]! < y[low]!) low = i;
      if (high < 0 || y[i]! > y[high]!) high = i;
    }
    if (low < 0) {
      if (begin < end) points.push({ x: x[begin]!, y: NaN });
      continue;
    }
    const [first, second] = low < high ? [low, high] : [high, low];
    points.push({ x: x[first]!, y: y[first]! });
    if (second !== first) points.push({ x: x[second]!, y: y[second]! });
  }
  points.push({ x: x[length - 1]!, y: y[length - 1]! });
  return points;
}

/** Mean of each value and those before it, at most `window` of them; NaN values are left out. Same length as given. */
export function trailingMean(values: ArrayLike<number>, window: number): Float64Array {
  const means = new Float64Array(values.length);
  let sum = 0;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const entering = values[i]!;
    if (!Number.isNaN(entering)) {
      sum += entering;
      count++;
    }
    const leaving = i >= window ? values[i - window]! : NaN;
    if (!Number.isNaN(leaving)) {
      sum -= leaving;
      count--;
    }
    means[i] = count === 0 ? NaN : sum / count;
  }
  return means;
}

/** Steps that the smooth line averages over: about a twentieth of the curve, so that it follows and yet calms. */
export function smoothingWindow(rows: number): number {
  // A mean of fewer than three hides more than it shows.
  return rows < 60 ? 1 : Math.min(500, Math.round(rows / 20));
}
