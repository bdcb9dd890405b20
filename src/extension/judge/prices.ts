import type { Prices } from '../../core/judge/index.js';
import { setting } from '../settings.js';

/** What a million tokens cost, as the settings say; 0 where they do not. */
export const judgePrices = (): Prices => ({ input: setting('judge.inputPrice', 0), output: setting('judge.outputPrice', 0) });

/** In whatever currency the prices are. */
export const costText = (cost: number): string => cost.toFixed(cost < 1 ? 4 : 2);
