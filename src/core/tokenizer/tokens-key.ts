/**
 * A 53-bit hash of the first `count` tokens (FNV-1a twice), to tell sequences apart where two that fall together by chance do no
 * harm.
 */
export function tokensKey(tokens: Int32Array, count: number): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let at = 0; at < count; at++) {
    const token = tokens[at] as number;
    low = Math.imul(low ^ token, 0x01000193);
    high = Math.imul(high ^ (token + 0x9e3779b9), 0x01000193);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
