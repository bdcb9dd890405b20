/** Numbers as people read them, for the status bar and the panel. Imports nothing, so both sides can use it. */

/** Stands for a number that is not known. */
export const UNKNOWN = '–';

/** Seconds as `8 s`, `4 min 30 s`, `1 h 05 min`, `2 d 3 h`: two units at most, the small one only where it matters. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return UNKNOWN;
  if (seconds < 1) return seconds === 0 ? '0 s' : 'under 1 s';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Seconds that may be few: `0.8 ms`, `12 ms`, `1.24 s`. */
export function formatSeconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const ms = seconds * 1000;
  if (ms < 999.5) return `${ms.toFixed(ms < 9.95 ? 1 : 0)} ms`;
  return seconds < 99.5 ? `${seconds.toFixed(seconds < 9.95 ? 2 : 1)} s` : formatDuration(seconds);
}

/** A metric such as a loss or a reward margin: four significant digits, `1.2e-7` when very small or large. */
export function formatMetric(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return minus(value.toExponential(1).replace('e+', 'e'));
  const digits = Math.max(0, Math.min(4, 3 - Math.floor(Math.log10(size))));
  return minus(value.toFixed(digits));
}

/** A value at an axis: as {@link formatMetric}, without zeros that say nothing. */
export function formatTick(value: number): string {
  return minus(String(Number(value.toPrecision(6))).replace('e+', 'e'));
}

/** A rate such as pairs or tokens per second: `0.42`, `12.3`, `1,234`, `56.7k`, `8.9M`. */
export function formatRate(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value) || value < 0) return UNKNOWN;
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  if (value >= 100) return formatCount(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** A fraction as a percentage: `7.3%`, `52%`. */
export function formatPercent(fraction: number | null | undefined): string {
  if (fraction === null || fraction === undefined || !Number.isFinite(fraction)) return UNKNOWN;
  const percent = fraction * 100;
  return `${minus(percent.toFixed(Math.abs(percent) < 9.95 && percent !== 0 ? 1 : 0))}%`;
}

/** A whole number with commas between thousands. */
export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  return minus(String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ','));
}

/** Bytes as memory is sold: `512 MiB`, `79.2 GiB`. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes) || bytes < 0) return UNKNOWN;
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  let value = bytes;
  let unit = -1;
  while (value >= 1023.5 && unit < 3) {
    value /= 1024;
    unit++;
  }
  return `${value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${['KiB', 'MiB', 'GiB', 'TiB'][unit]!}`;
}

/** A ratio such as naive over shared tokens: `1.54×`. */
export function formatRatio(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? UNKNOWN : `${value.toFixed(2)}×`;
}

/** `1 pair`, `2,000 pairs`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Passes over a dataset, which a number of steps may cut off: `1 epoch`, `3 epochs`, `1.59 epochs`. */
export function formatEpochs(epochs: number): string {
  return `${Number(epochs.toPrecision(3))} epoch${epochs === 1 ? '' : 's'}`;
}

/** An option's value as it is typed: `1e-6` rather than `0.000001`. */
export function formatOption(value: string | number | boolean): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
}

/** A phrase as the beginning of a sentence. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** A true minus sign, which is as wide as the digits beside it. */
function minus(text: string): string {
  return text.replace(/^-/, '−');
}
