import path from 'node:path';

import { writeFileAtomically } from '../files/atomic-file.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';

/** What a run was predicted to take when it was started, kept in its folder. */
export interface KeptForecast {
  /** Seconds by phase (`TimePhase`). */
  readonly seconds: Readonly<Record<string, number>>;
  readonly total: number;
  /** What it was taken from, as phrases. */
  readonly sources: readonly string[];
}

export const FORECAST_FILE = 'forecast.json';

/** Best effort: a run can do without. */
export async function writeForecast(folder: string, { seconds, total, sources }: KeptForecast): Promise<void> {
  const text = `${JSON.stringify({ format: 'wishbone-forecast', version: 1, seconds, total, sources }, null, 2)}\n`;
  await writeFileAtomically(path.join(folder, FORECAST_FILE), (handle) => handle.writeFile(text)).catch(() => undefined);
}

/** Undefined when there is none, or it is not one. */
export async function readForecast(folder: string): Promise<KeptForecast | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readPlainText(path.join(folder, FORECAST_FILE), mostBytes.record));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { format, version, seconds, total, sources } = value as Readonly<Record<string, unknown>>;
  const areSeconds = typeof seconds === 'object' && seconds !== null && Object.values(seconds).every(isSeconds);
  const areTexts = Array.isArray(sources) && sources.every((source) => typeof source === 'string');
  if (format !== 'wishbone-forecast' || version !== 1 || !areSeconds || !areTexts || !isSeconds(total)) return undefined;
  return { seconds: seconds as Record<string, number>, total, sources: sources as string[] };
}

function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
