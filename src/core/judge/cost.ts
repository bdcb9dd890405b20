import type { Usage } from './record.js';

/** What a million tokens cost, in one currency. */
export interface Prices {
  readonly input: number;
  readonly output: number;
}

/** In the currency of the prices. */
export const costOf = (usage: Usage, prices: Prices): number => (usage.input * prices.input + usage.output * prices.output) / 1e6;
