import type { Progress } from '../core/progress.js';

/** One line at the bottom of a terminal that is written over again and again. Writes nothing where there is none. */
export class StatusLine {
  private shown = false;
  private readonly active: boolean;

  /** @param enabled false keeps it silent even on a terminal */
  constructor(enabled = true) {
    this.active = enabled && process.stderr.isTTY;
  }

  show(text: string): void {
    if (!this.active) return;
    const width = process.stderr.columns || 80;
    process.stderr.write(`\r\x1b[2K${text.slice(0, width - 1)}`);
    this.shown = true;
  }

  /** Puts a line of text above; it stays. */
  note(text: string): void {
    this.clear();
    process.stderr.write(`${text}\n`);
  }

  clear(): void {
    if (!this.shown) return;
    process.stderr.write('\r\x1b[2K');
    this.shown = false;
  }
}

const phases: Readonly<Record<string, string>> = {
  tokenise: 'Reading and tokenising',
  plan: 'Planning',
  write: 'Writing the run',
  measure: 'Measuring',
  load: 'Loading the model',
  ceiling: 'Measuring this machine',
  reference: 'Reference log-probabilities',
  train: 'Training',
  export: 'Exporting the model',
};

/** "Reading and tokenising  42 %  0:17 left" */
export function progressText({ phase, done, total, secondsLeft }: Progress): string {
  const percent = total > 0 ? `  ${Math.floor((100 * done) / total)} %` : '';
  const left = secondsLeft === undefined ? '' : `  ${clock(secondsLeft)} left`;
  return `${phases[phase] ?? phase}${percent}${left}`;
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
