import { DEFAULT_PLAN, OPTIONS } from '../options/index.js';
import type { Conversion } from './conversion.js';

const MOST = OPTIONS.plan.max_length.rule.max;

/**
 * Carries over the limit of a sequence's tokens. Bins are as long as the longest pair needs anyway.
 *
 * @param byDefault the tool's, when the file names none
 * @param whenNull what null means there: that there is no limit, or a limit
 */
export function convertLength(conversion: Conversion, name: string, byDefault: number, whenNull: 'none' | number): void {
  if (conversion.isNull(name) && whenNull === 'none') {
    conversion.take(name);
    conversion.set('plan.max_length', MOST, name);
    return conversion.changed(name, `no limit there, ${MOST} in Wishbone`);
  }
  const length = conversion.takeNumber(name) ?? (typeof whenNull === 'number' && conversion.isNull(name) ? whenNull : byDefault);
  if (length !== DEFAULT_PLAN.max_length || conversion.has(name)) conversion.set('plan.max_length', length, name);
}
