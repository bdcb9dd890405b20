import type { Progress } from '../core/work/progress.js';
import { printableLine } from '../core/text/printable.js';
import { writeControl } from './safe-output.js';

/**
 * Seconds between two lines of progress where there is no terminal: a log should tell that work goes on, and little else.
 * `WISHBONE_PROGRESS_SECONDS` sets another number.
 */
const LOG_SECONDS = Number(process.env['WISHBONE_PROGRESS_SECONDS']) || 10;

/**
 * How far work has come, on standard error: on a terminal one line that is written over again and again, else (a log, a
 * pipe) a line every ten seconds, so that quick work says nothing.
 */
export class StatusLine {
  #shown = false;
  #loggedAt = performance.now();
  #logged = '';

  show(text: string): void {
    if (!process.stderr.isTTY) return this.#log(text);
    const width = process.stderr.columns || 80;
    writeControl(`\r\x1b[2K${printableLine(text).slice(0, width - 1)}`);
    this.#shown = true;
  }

  #log(text: string): void {
    const now = performance.now();
    if (now - this.#loggedAt < LOG_SECONDS * 1000 || text === this.#logged) return;
    this.#loggedAt = now;
    this.#logged = text;
    process.stderr.write(`${text}\n`);
  }

  /** Puts a line of text above; it stays. */
  note(text: string): void {
    this.clear();
    process.stderr.write(`${text}\n`);
  }

  clear(): void {
    if (!this.#shown) return;
    writeControl('\r\x1b[2K');
    this.#shown = false;
  }
}

const PHASES: Readonly<Record<string, string>> = {
  check: 'Checking',
  tokenise: 'Reading and tokenising',
  plan: 'Planning',
  write: 'Writing the run',
  measure: 'Measuring',
  load: 'Loading the model',
  ceiling: 'Measuring this machine',
  reference: 'Reference log-probabilities',
  train: 'Training',
  export: 'Exporting the model',
  gguf: 'Writing the GGUF file',
  hash: 'Reading what is uploaded',
  upload: 'Uploading',
  tokens: 'Asking the models for every token',
  completions: 'Completing prompts',
  verdicts: 'Judging',
};

/** "Reading and tokenising  42%  0:17 left" */
export function progressText({ phase, done, total, secondsLeft }: Progress): string {
  const percent = total > 0 ? `  ${Math.floor((100 * done) / total)}%` : '';
  const left = secondsLeft === undefined ? '' : `  ${clock(secondsLeft)} left`;
  return `${PHASES[phase] ?? phase}${percent}${left}`;
}

/** 3723 → "1:02:03", 65 → "1:05" */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 1234567 → "1,234,567" */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** Lines of two columns, the first as wide as its widest. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** Rows of cells under a heading, every column as wide as its widest cell. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
