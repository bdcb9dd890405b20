/** How many parameters there are, in two digits: `7.2B`, `135M` (gguf-py, utility.py). Vectors of RoPE do not count. */
export function parameterLabel(tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]): string {
  const total = tensors
    .filter(({ name }) => !name.startsWith('rope_'))
    .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  const [unit, letter] = total > 1e12 ? [1e-12, 'T'] : total > 1e9 ? [1e-9, 'B'] : total > 1e6 ? [1e-6, 'M'] : [1e-3, 'K'];
  const scaled = total * unit;
  const digits = Math.max(2 - String(roundHalfEven(scaled)).replace(/^0+/, '').length, 0);
  return `${scaled.toFixed(digits)}${letter}`;
}

/** As Python rounds. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return Math.round(value);
}
