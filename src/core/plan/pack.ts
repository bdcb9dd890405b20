/**
 * Packs units of given lengths into bins of at most `capacity` by best fit decreasing: longest unit first, each into
 * the fullest bin that still has room (at most 11/9 of the fewest bins possible, plus one). Deterministic: of equal units
 * the earlier goes first, of equal bins the older wins. No length may exceed the capacity.
 *
 * @returns the bins, each a list of unit indices in rising order, ordered by their first unit
 */
export function pack(lengths: readonly number[], capacity: number): number[][] {
  const bins: { room: number; units: number[] }[] = [];
  const longestFirst = lengths
    .map((_, unit) => unit)
    .sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  for (const unit of longestFirst) {
    const length = lengths[unit] as number;
    if (length > capacity) throw new RangeError(`a unit of ${length} does not fit into ${capacity}`);
    let best: (typeof bins)[number] | undefined;
    for (const bin of bins) {
      if (bin.room >= length && (best === undefined || bin.room < best.room)) best = bin;
    }
    if (best === undefined) {
      best = { room: capacity, units: [] };
      bins.push(best);
    }
    best.room -= length;
    best.units.push(unit);
  }
  const packed = bins.map((bin) => bin.units.sort((a, b) => a - b));
  return packed.sort((a, b) => (a[0] as number) - (b[0] as number));
}
