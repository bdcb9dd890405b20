/**
 * Levenshtein's distance between two lists of tokens over the length of the longer: 0 where they are the same, 1 where they have
 * nothing in common.
 */
export function editDistance(a: Int32Array, b: Int32Array): number {
  const longest = Math.max(a.length, b.length);
  if (longest === 0) return 0;
  let begin = 0;
  while (begin < a.length && begin < b.length && a[begin] === b[begin]) begin++;
  let [endA, endB] = [a.length, b.length];
  while (endA > begin && endB > begin && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  return edits(a.subarray(begin, endA), b.subarray(begin, endB)) / longest;
}

/** Cells of the table that {@link editDistance} fills at most. */
export function editCells(a: Int32Array, b: Int32Array): number {
  return a.length * b.length;
}

function edits(a: Int32Array, b: Int32Array): number {
  if (a.length === 0 || b.length === 0) return Math.max(a.length, b.length);
  let row = Int32Array.from({ length: b.length + 1 }, (_, at) => at);
  let next = new Int32Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    const token = a[i]!;
    next[0] = i + 1;
    for (let j = 0; j < b.length; j++) {
      const replaced = row[j]! + (token === b[j] ? 0 : 1);
      const removed = row[j + 1]! + 1;
      const added = next[j]! + 1;
      next[j + 1] = replaced < removed ? (replaced < added ? replaced : added) : removed < added ? removed : added;
    }
    [row, next] = [next, row];
  }
  return row[b.length]!;
}
