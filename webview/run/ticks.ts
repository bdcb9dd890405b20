import { formatCount, formatDuration, formatRate } from '../../src/format.js';
import type { Axis } from './series.js';

export interface Tick {
  readonly value: number;
  readonly label: string;
}

/** Seconds that people count by; beyond a day, days by 1, 2 and 5. */
const DURATIONS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600] as const;
const DAY = 24 * 3600;

/**
 * Round places of an axis between two ends, evenly spread. Steps are whole, and no two ticks read the same.
 *
 * @param most ticks, at least 2
 */
export function axisTicks(axis: Axis, min: number, max: number, most: number): Tick[] {
  if (!(max > min)) return [];
  const stride = strideOf(axis, (max - min) / Math.max(1, most - 1));
  const values: number[] = [];
  // Whole multiples, so that no error adds up.
  for (let i = Math.ceil(min / stride - 1e-9); i * stride <= max + stride * 1e-9; i++) values.push(i * stride);
  return values.map((value) => ({ value, label: labelOf(axis, value, stride) }));
}

/** The least round stride that is not below this one. */
function strideOf(axis: Axis, least: number): number {
  if (axis === 'time') {
    const found = DURATIONS.find((stride) => stride >= least);
    return found ?? DAY * roundUp(least / DAY);
  }
  return Math.max(1, roundUp(least));
}

/** 1, 2 or 5 times a power of ten. */
function roundUp(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least) + 1e-9);
  return power * ([1, 2, 5].find((digit) => digit * power >= least * (1 - 1e-9)) ?? 10);
}

function labelOf(axis: Axis, value: number, stride: number): string {
  switch (axis) {
    case 'step':
      return formatCount(value);
    case 'time':
      return duration(value, stride);
    case 'tokens': {
      // In full where the short form would make two ticks one.
      const [short, next] = [formatRate(value), formatRate(value + stride)];
      return short === next || formatRate(Math.max(0, value - stride)) === short ? formatCount(value) : short;
    }
  }
}

/** In the unit of the stride where the usual form, which has two units at most, would leave it out. */
function duration(value: number, stride: number): string {
  if (value === 0) return '0';
  const text = formatDuration(value);
  if (text !== formatDuration(value + stride) && text !== formatDuration(Math.max(0, value - stride))) return text;
  const [hours, minutes, seconds] = [Math.floor(value / 3600), Math.floor(value / 60) % 60, value % 60];
  return [hours, minutes, seconds].map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
