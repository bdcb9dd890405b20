import type { Difference } from '../../src/protocol/run.js';
import { element } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import { runStyle } from './palette.js';
import { type Column, resultCells, resultColumns, type ResultRun, sortedRows } from './results.js';
import { swatch } from './swatch.js';

/** Runs by results and by the settings they differ in: a row each, sorted by any column. */
export class ResultsTable {
  readonly root = element('section', { class: 'results', 'aria-labelledby': 'results-title', hidden: '' });
  readonly #head = element('tr');
  readonly #body = element('tbody');
  readonly #note = element('p', { class: 'note' });
  #columns: readonly Column[] = [];
  #sort: { readonly id: string; readonly descending: boolean } | undefined;
  #redraw: () => void = () => undefined;
  /** What the rows show, as text, so that they are made again only when it changes. */
  #shown = '';

  constructor() {
    this.root.append(
      element('h2', { id: 'results-title' }, 'Results and settings'),
      element(
        'div',
        { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-labelledby': 'results-title' },
        element('table', {}, element('thead', {}, this.#head), this.#body),
      ),
      this.#note,
    );
  }

  /** @param missing names of runs that could not be opened */
  draw(runs: readonly ResultRun[], differences: readonly Difference[], missing: readonly string[], theme: Theme): void {
    this.#redraw = () => this.draw(runs, differences, missing, theme);
    this.root.hidden = runs.length < 2;
    if (this.root.hidden) return;
    const columns = resultColumns(differences);
    const rows = runs.map((run, place) => resultCells(run, place, differences));
    const by = columns.findIndex(({ id }) => id === this.#sort?.id);
    const order = by < 0 ? rows.map((_, row) => row) : sortedRows(rows, by, this.#sort!.descending);
    const styles = runs.map((_, place) => runStyle(theme, place));
    const shown = JSON.stringify([columns, order.map((row) => [row, rows[row], styles[row]]), this.#sort, missing]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#drawHead(columns);
    this.#body.replaceChildren(
      ...order.map((row) =>
        element(
          'tr',
          {},
          ...rows[row]!.map(({ text, title }, i) => {
            const { isNumber, isSetting } = columns[i]!;
            const attributes = { ...(isNumber ? { class: 'amount' } : {}), ...(title === undefined ? {} : { title }) };
            if (i === 0) return element('th', { scope: 'row', title: text }, swatch(styles[row]!.color, styles[row]!.dash), ' ', text);
            return element('td', attributes, isSetting && !isNumber ? element('code', {}, text) : text);
          }),
        ),
      ),
    );
    this.#note.textContent = [
      ...(differences.length === 0 ? ['These runs have the same dataset, model and settings.'] : []),
      ...(missing.length === 0 ? [] : [`Not shown because deleted or moved: ${missing.join(', ')}.`]),
    ].join(' ');
  }

  /** Kept as long as the columns are the same: whoever sorts by one keeps the focus on it. */
  #drawHead(columns: readonly Column[]): void {
    if (JSON.stringify(columns) !== JSON.stringify(this.#columns)) {
      this.#columns = columns;
      this.#head.replaceChildren(
        ...columns.map((each) => {
          const { id, label, isSetting, isNumber } = each;
          const button = element('button', { type: 'button', class: 'sort' }, isSetting ? element('code', {}, label) : label);
          if (isSetting) button.title = id;
          button.addEventListener('click', () => this.#sortBy(each));
          return element('th', { scope: 'col', ...(isNumber ? { class: 'amount' } : {}) }, button);
        }),
      );
    }
    columns.forEach(({ id }, i) => {
      const head = this.#head.children[i]!;
      if (id !== this.#sort?.id) head.removeAttribute('aria-sort');
      else head.setAttribute('aria-sort', this.#sort.descending ? 'descending' : 'ascending');
    });
  }

  /** The better ones first; then the other way round; then as they were opened. */
  #sortBy({ id, isDescending }: Column): void {
    if (this.#sort?.id !== id) this.#sort = { id, descending: isDescending };
    else this.#sort = this.#sort.descending === isDescending ? { id, descending: !isDescending } : undefined;
    this.#redraw();
  }
}
