import type { TableColumn } from '../../src/core/run-table/index.js';
import { createButton, createTextField, rename } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import type { TableModel } from './model.js';

const GROUPS: Readonly<Record<TableColumn['group'], string>> = { figure: 'Figures', run: 'Run', option: 'Options' };

/** Which columns are shown: all there are, to be searched. */
export class ColumnChooser {
  readonly root = element('section', { class: 'chooser', id: 'columns', 'aria-label': 'Columns', hidden: '' });
  readonly #lists = element('div', { class: 'chooser-lists' });
  readonly #search = createTextField({
    label: 'Search columns',
    value: '',
    placeholder: 'Search columns',
    onInput: () => this.draw(),
  });
  #shown = '';

  constructor(
    readonly model: TableModel,
    readonly onChange: () => void,
    readonly onClose: () => void,
  ) {
    const usual = createButton({
      label: 'What Differs',
      title: 'Figures, and what the runs differ in',
      onClick: () => {
        model.setView({ shown: [], hidden: [] });
        onChange();
      },
    });
    this.root.append(
      element('div', { class: 'actions' }, this.#search.root, usual, createButton({ label: 'Close', onClick: onClose })),
      this.#lists,
    );
    this.root.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      onClose();
    });
  }

  /** To be called once it is in the page. */
  named(): void {
    rename(this.#search, 'Search columns');
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(isOpen: boolean): void {
    this.root.hidden = !isOpen;
    if (!isOpen) return;
    this.draw();
    this.#search.root.focus();
  }

  draw(): void {
    if (!this.isOpen) return;
    const wanted = this.#search.value.trim().toLowerCase();
    const { columns, visibleColumns } = this.model;
    const visible = new Set(visibleColumns.map(({ id }) => id));
    const offered = columns.all.filter(({ id, label }) => `${id} ${label}`.toLowerCase().includes(wanted));
    const shown = JSON.stringify(offered.map(({ id, label }) => [id, label]));
    if (shown === this.#shown) {
      // Kept in place: whoever works through them with the keyboard keeps the focus.
      for (const box of this.#lists.querySelectorAll('input')) box.checked = visible.has(box.value);
      return;
    }
    this.#shown = shown;
    this.#lists.replaceChildren(
      ...(['figure', 'run', 'option'] as const).flatMap((group) => {
        const of = offered.filter((column) => column.group === group);
        if (of.length === 0) return [];
        return [
          element(
            'fieldset',
            {},
            element('legend', {}, GROUPS[group]),
            ...of.map((column) => this.#box(column, visible.has(column.id), columns.usual.has(column.id))),
          ),
        ];
      }),
    );
  }

  #box({ id, label }: TableColumn, isShown: boolean, isUsual: boolean): HTMLElement {
    const box = element('input', { type: 'checkbox', value: id });
    box.checked = isShown;
    box.disabled = id === 'name';
    box.addEventListener('change', () => {
      this.model.showColumn(id, box.checked);
      this.onChange();
    });
    return element('label', { class: isUsual ? 'differs' : '', title: id }, box, label);
  }
}
