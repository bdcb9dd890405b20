import type { Fields } from '../dataset/fields.js';
import { unreadSentence } from '../dataset/column-words.js';
import { ColumnTally, type RowColumns } from '../dataset/unread-columns.js';
import type { ColumnWarning } from '../dataset/column-report.js';
import { FieldLocator } from './locate.js';
import { markedSpan } from './mark.js';
import type { CheckName, Finding, Span } from './types.js';

/** Something about the file that is told at one place of one row. */
export interface PlacedFinding extends Finding {
  readonly row: number;
  /** In the row's text. */
  readonly span: Span;
}

const CHECK_OF: Readonly<Record<ColumnWarning['kind'], CheckName>> = {
  'lost-text': 'lost-text',
  'lost-system': 'lost-text',
  'written-messages': 'written-messages',
  'media-placeholder': 'media-placeholder',
  'missing-column': 'lost-text',
};

/** What the rows of a file leave out, each thing told once, at the first row that has it. */
export class LeftOutColumns {
  readonly #tally = new ColumnTally({ options: { pairing: 'all', minMargin: 0 } });
  /** Where a column is named first. */
  readonly #places = new Map<string, { readonly row: number; readonly span: Span }>();

  /** @param text the row's JSON text */
  add(row: number, columns: RowColumns, text: string, opening: Span): void {
    this.#tally.add({ row, line: undefined }, columns, () => JSON.parse(text) as Fields);
    for (const [kind, names] of [
      ['unread', columns.unread],
      ['lost', columns.lost],
      ['written', columns.written],
    ] as const) {
      for (const name of names) {
        const key = `${kind} ${name}`;
        if (this.#places.has(key)) continue;
        const locator = new FieldLocator(text);
        // A name with a dot in it would be read as a path.
        const isPlain = !/[.[\]]/.test(name);
        const span = isPlain ? (kind === 'unread' ? locator.name(name) : locator.value(name)) : undefined;
        this.#places.set(key, { row, span: markedSpan(text, span ?? opening) });
      }
    }
    const { placeholder } = columns;
    const key = `tag ${placeholder ?? ''}`;
    if (placeholder !== undefined && !this.#places.has(key)) {
      const at = text.indexOf(placeholder);
      this.#places.set(key, { row, span: at < 0 ? opening : { start: at, end: at + placeholder.length } });
    }
  }

  get findings(): PlacedFinding[] {
    const { unread, warnings } = this.#tally.report();
    const told = warnings.flatMap((warning) => this.#warning(warning));
    const place = this.#places.get(`unread ${unread[0]?.name ?? ''}`);
    if (place === undefined) return told;
    const advice = 'if that is intended, there is nothing to do; otherwise --columns assigns a column to a field of the form';
    return [...told, { check: 'unread-columns', what: unreadSentence(unread), advice, ...place }];
  }

  #warning({ kind, columns, what, advice, remedies }: ColumnWarning): PlacedFinding[] {
    const keys =
      kind === 'media-placeholder'
        ? [...this.#places.keys()].filter((key) => key.startsWith('tag ') && what.startsWith(`"${key.slice(4)}"`))
        : columns.map((name) => `${kind === 'written-messages' ? 'written' : 'lost'} ${name}`);
    const places = keys.flatMap((key) => this.#places.get(key) ?? []);
    if (places.length === 0) return [];
    const place = places.reduce((a, b) => (b.row < a.row ? b : a));
    return [{ check: CHECK_OF[kind], what, advice, ...(remedies.length > 0 ? { remedies } : {}), ...place }];
  }
}
