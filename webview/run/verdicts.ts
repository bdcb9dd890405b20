import type { RunHostMessage } from '../../src/protocol/run.js';
import { element } from '../ui/dom.js';

type Verdicts = Extract<RunHostMessage, { type: 'verdicts' }>['verdicts'];

/** Cells from here on are words, those before them numbers. */
const NUMBERS = 5;

/** Whether the runs of a comparison are really better than one another: a table each, and what could not be compared. */
export class VerdictTables {
  readonly root = element('section', { class: 'results verdicts', 'aria-labelledby': 'verdicts-title', hidden: '' });

  /** Undefined: nothing is known of the runs yet. */
  show(verdicts: Verdicts | undefined): void {
    this.root.hidden = verdicts === undefined || verdicts.tables.length + verdicts.notes.length === 0;
    if (verdicts === undefined) return this.root.replaceChildren();
    this.root.replaceChildren(
      element('h2', { id: 'verdicts-title' }, 'Is it really better?'),
      ...verdicts.tables.map(({ title, heading, rows }, place) => {
        const id = `verdict-${String(place)}`;
        return element(
          'div',
          { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-labelledby': id },
          element(
            'table',
            {},
            element('caption', { id }, title),
            element('thead', {}, element('tr', {}, ...heading.map((text, i) => head(text, i)))),
            element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map((text, i) => cell(text, i))))),
          ),
        );
      }),
      ...verdicts.notes.map((note) => element('p', { class: 'note' }, note)),
    );
  }
}

function head(text: string, column: number): HTMLElement {
  if (column === 0) return element('td');
  return element('th', { scope: 'col', ...(column < NUMBERS ? { class: 'amount' } : {}) }, text);
}

function cell(text: string, column: number): HTMLElement {
  if (column === 0) return element('th', { scope: 'row', title: text }, text);
  return element('td', column < NUMBERS ? { class: 'amount' } : {}, text);
}
