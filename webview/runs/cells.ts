import { type CellValue, type TableColumn, UNREADABLE } from '../../src/core/run-table/index.js';
import { formatCount, formatMetric, formatOption, formatPercent, UNKNOWN } from '../../src/format.js';
import type { PanelState } from '../../src/protocol/run.js';
import { STATE_WORDS } from '../run/words.js';

/** A cell as it is read. */
export function cellText({ kind }: Pick<TableColumn, 'kind'>, value: CellValue | undefined): string {
  if (value === undefined) return kind === 'tags' || kind === 'text' ? '' : UNKNOWN;
  switch (kind) {
    case 'metric':
      return typeof value === 'number' ? formatMetric(value) : value;
    case 'percent':
      return typeof value === 'number' ? formatPercent(value) : value;
    case 'count':
      return typeof value === 'number' ? formatCount(value) : value;
    case 'time':
      return String(value).slice(0, 16).replace('T', ' ');
    case 'state':
      return value === UNREADABLE ? 'Cannot be read' : (STATE_WORDS[value as PanelState] ?? String(value));
    case 'tags':
      return String(value)
        .split(' ')
        .map((tag) => `#${tag}`)
        .join(' ');
    case 'option':
      // As it was typed: what a float holds beyond twelve digits is nobody's.
      return typeof value === 'number' ? formatOption(Number(value.toPrecision(12))) : value === '' ? 'none' : value;
    case 'text':
      // Notes have several lines.
      return String(value).split('\n', 1)[0]!;
  }
}

/** Whether a column's cells stand at the right. */
export function isAmount({ kind }: Pick<TableColumn, 'kind'>): boolean {
  return kind === 'metric' || kind === 'percent' || kind === 'count';
}

/** Width of a character, and what is beside the text of a cell, in pixels. */
const CHARACTER = 8;
const PADDING = 24;
const NARROWEST = 64;
const WIDEST = 300;
/** Room for the mark of a selected run. */
const MARK = 46;

/** How wide a column is that has these texts, in pixels: at least, and where there is room. */
export function columnWidth(column: TableColumn, texts: Iterable<string>): { readonly least: number; readonly whole: number } {
  // A head is bold, and may have an arrow.
  let longest = column.label.length + 2.5;
  for (const text of texts) longest = Math.max(longest, text.length);
  const width = longest * CHARACTER + PADDING + (column.id === 'name' ? MARK : 0);
  const whole = Math.round(Math.max(NARROWEST, width));
  return { least: Math.min(WIDEST, whole), whole };
}
