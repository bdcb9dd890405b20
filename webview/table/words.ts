import type { DiffPiece, NumberColumn, PairKey, SortColumn, Unit } from '../../src/core/dataset-table/index.js';
import { formatCount } from '../../src/format.js';
import { element } from '../ui/dom.js';

export interface Column {
  readonly id: SortColumn | 'chosen-text' | 'rejected-text' | 'prompt-text';
  readonly label: string;
  readonly title?: string;
  readonly number?: NumberColumn;
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
