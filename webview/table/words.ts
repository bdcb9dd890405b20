import type { DiffPiece, NumberColumn, PairKey, SortColumn, Unit } from '../../src/core/dataset-table/index.js';
import { formatCount, formatMetric } from '../../src/format.js';
import { element } from '../ui/dom.js';

export interface Column {
  readonly id: SortColumn | 'chosen-text' | 'rejected-text' | 'prompt-text';
  readonly label: string;
  readonly title?: string;
  readonly number?: NumberColumn;
  /** It is there when margins of a run are shown, and has no unit. */
  readonly ofRun?: true;
}

/** In reading order; the style sheet has their widths. */
export const COLUMNS: readonly Column[] = [
  { id: 'row', label: 'Row' },
  { id: 'prompt-text', label: 'Prompt' },
  { id: 'chosen-text', label: 'Chosen' },
  { id: 'rejected-text', label: 'Rejected' },
  { id: 'source', label: 'Source' },
  { id: 'prompt', label: 'Prompt', number: 'prompt', title: 'Length of the prompt' },
  { id: 'chosen', label: 'Chosen', number: 'chosen', title: 'Length of the chosen response' },
  { id: 'rejected', label: 'Rejected', number: 'rejected', title: 'Length of the rejected response' },
  { id: 'difference', label: 'Longer', number: 'difference', title: 'How much longer chosen is than rejected' },
  {
    id: 'margin_start',
    label: 'Start',
    number: 'margin_start',
    title: 'Margin before training, or when the pair was first seen',
    ofRun: true,
  },
  { id: 'margin', label: 'Margin', number: 'margin', title: 'Margin when the pair was last seen', ofRun: true },
  { id: 'margin_change', label: 'Change', number: 'margin_change', title: 'Margin less that of the start', ofRun: true },
  { id: 'seen', label: 'Seen', number: 'seen', title: 'Times that the pair was trained on, or evaluated', ofRun: true },
  { id: 'problems', label: 'Problems' },
];

export const UNIT_WORDS: Readonly<Record<Unit, string>> = { characters: 'characters', tokens: 'tokens' };

/** What people call a pair's row. */
export function keyText({ row, pair }: PairKey, pairs: number): string {
  return pairs > 1 ? `${formatCount(row + 1)}.${pair + 1}` : formatCount(row + 1);
}

export function signed(value: number): string {
  return value > 0 ? `+${formatCount(value)}` : value < 0 ? `−${formatCount(-value)}` : '0';
}

/** A margin with its sign. */
export function margin(value: number | null): string {
  if (value === null) return '–';
  return value > 0 ? `+${formatMetric(value)}` : formatMetric(value);
}

/** Pieces of a text, those that it alone has marked: for the eye, and for whoever listens. */
export function pieceNodes(pieces: readonly DiffPiece[], side: 'chosen' | 'rejected'): Node[] {
  return pieces.map(({ kind, text }) =>
    kind === 'own'
      ? element(side === 'chosen' ? 'ins' : 'del', {}, text)
      : kind === 'cut'
        ? element('span', { class: 'cut' }, text)
        : document.createTextNode(text),
  );
}
