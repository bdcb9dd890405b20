import { isPinned, type RunRow, type TableColumn } from '../../src/core/run-table/index.js';
import { plural } from '../../src/format.js';
import { element } from '../ui/dom.js';
import { moveAmongHeads } from '../ui/table-heads.js';
import { cellText, columnWidth, isAmount } from './cells.js';
import type { Line, TableModel } from './model.js';

/** Height of a line, in pixels; the style sheet has the same. */
const LINE = 28;
/** Lines drawn beyond what is in view. */
const BEYOND = 12;

export interface GridActions {
  /** What is chosen, or where the keys are, has changed. */
  readonly onMove: () => void;
  /** How the table is looked at has changed. */
  readonly onView: () => void;
  readonly onOpen: (row: RunRow) => void;
  readonly onDelete: () => void;
  /** Somebody types: what is typed goes to the filter. */
  readonly onType: () => void;
}

/** The table: a grid of which only the lines in view are there. One stop of the Tab key for its lines, one for its heads. */
export class RunsGrid {
  readonly root = element('div', {
    class: 'grid',
    role: 'grid',
    tabindex: '0',
    'aria-label': 'Runs',
    'aria-multiselectable': 'true',
    'aria-describedby': 'grid-keys',
  });
  readonly #head = element('div', { class: 'line head', role: 'row', 'aria-rowindex': '1' });
  readonly #body = element('div', { class: 'lines', role: 'rowgroup' });
  /** Lines that are there, by number. */
  readonly #there = new Map<number, HTMLElement>();
  #columns: readonly TableColumn[] = [];
  #heads = '';

  constructor(
    readonly model: TableModel,
    readonly actions: GridActions,
  ) {
    this.root.append(element('div', { role: 'rowgroup', class: 'heads' }, this.#head), this.#body);
    this.root.addEventListener('scroll', () => this.#drawLines());
    this.root.addEventListener('keydown', (event) => this.#onKey(event));
    this.#body.addEventListener('click', (event) => this.#onClick(event));
    this.#body.addEventListener('dblclick', (event) => this.#onDoubleClick(event));
    new ResizeObserver(() => this.#drawLines()).observe(this.root);
  }

  /** Draws what the model holds now. */
  draw(): void {
    const { lines, visibleColumns: columns } = this.model;
    this.#columns = columns;
    this.#drawHead();
    const rows = this.model.shown;
    const widths = columns.map((column) => columnWidth(column, texts(rows, column)));
    // The first are the runs' names; what room is left stands behind the last.
    // They stay in view, and leave room for what else is in a line.
    const least = widths.map((width, at) => (at === 0 ? `min(${width.least}px, 50vw)` : `${width.least}px`));
    const tracks = least.map((width, at) => (at === 0 ? `minmax(${width}, ${widths[0]!.whole}px)` : width));
    this.root.style.setProperty('--columns', `${tracks.join(' ')} minmax(0, 1fr)`);
    this.root.style.setProperty('--width', `calc(${least.join(' + ')})`);
    this.#body.style.height = `${lines.length * LINE}px`;
    // With groups, lines have levels.
    this.root.setAttribute('role', this.model.view.group === null ? 'grid' : 'treegrid');
    this.root.setAttribute('aria-rowcount', String(lines.length + 1));
    this.root.setAttribute('aria-colcount', String(columns.length));
    this.#drawAnew();
  }

  /** Brings where the keys are into view. */
  reveal(): void {
    const top = this.model.active * LINE;
    const { scrollTop, clientHeight } = this.root;
    const height = clientHeight - LINE;
    if (top < scrollTop) this.root.scrollTop = top;
    else if (top + LINE > scrollTop + height) this.root.scrollTop = top + LINE - height;
  }

  focus(): void {
    this.root.focus();
  }

  #drawHead(): void {
    const { sort } = this.model.view;
    const heads = JSON.stringify(this.#columns.map(({ id, label }) => [id, label]));
    if (heads !== this.#heads) {
      this.#heads = heads;
      this.#head.replaceChildren(
        ...this.#columns.map((column, i) => {
          const { id, label, group } = column;
          const button = element('button', { type: 'button', class: 'sort', tabindex: i === 0 ? '0' : '-1' }, label);
          if (group === 'option') button.title = id;
          button.addEventListener('click', () => {
            this.model.sortBy(column);
            this.actions.onView();
          });
          const attributes = { role: 'columnheader', 'aria-colindex': String(i + 1), class: isAmount(column) ? 'cell amount' : 'cell' };
          return element('div', attributes, button);
        }),
      );
    }
    this.#columns.forEach(({ id }, i) => {
      const head = this.#head.children[i]!;
      head.setAttribute('aria-sort', id !== sort?.column ? 'none' : sort.descending ? 'descending' : 'ascending');
    });
  }

  #drawAnew(): void {
    this.#there.clear();
    this.#body.replaceChildren();
    this.#drawLines();
  }

  #drawLines(): void {
    const { scrollTop, clientHeight } = this.root;
    const first = Math.max(0, Math.floor(scrollTop / LINE) - BEYOND);
    const last = Math.min(this.model.lines.length - 1, Math.ceil((scrollTop + clientHeight) / LINE) + BEYOND);
    for (const [number, line] of this.#there) {
      if (number >= first && number <= last) continue;
      line.remove();
      this.#there.delete(number);
    }
    const made: HTMLElement[] = [];
    for (let number = first; number <= last; number++) {
      if (this.#there.has(number)) continue;
      const line = this.#line(number, this.model.lines[number]!);
      this.#there.set(number, line);
      made.push(line);
    }
    this.#body.append(...made);
    const active = this.#there.get(this.model.active);
    if (active === undefined) this.root.removeAttribute('aria-activedescendant');
    else this.root.setAttribute('aria-activedescendant', active.id);
  }

  #line(number: number, line: Line): HTMLElement {
    const isActive = number === this.model.active;
    const root = element('div', {
      class: `line ${line.kind}${isActive ? ' active' : ''}`,
      role: 'row',
      id: `line-${number}`,
      'aria-rowindex': String(number + 2),
    });
    root.dataset['line'] = String(number);
    root.style.top = `${number * LINE}px`;
    if (line.kind === 'group') {
      const column = this.model.columns.all.find(({ id }) => id === this.model.view.group);
      const value = line.value === undefined || column === undefined ? '' : cellText(column, line.value);
      root.setAttribute('aria-level', '1');
      root.setAttribute('aria-expanded', String(line.isOpen));
      root.append(
        element(
          'div',
          { class: 'cell heading', role: 'gridcell', 'aria-colspan': String(Math.max(1, this.#columns.length)) },
          element('span', { class: 'twistie', 'aria-hidden': 'true' }, line.isOpen ? '▾' : '▸'),
          element('span', { class: 'heading-name' }, `${column?.label ?? ''}: ${value === '' ? 'none' : value}`),
          element('span', { class: 'heading-count' }, plural(line.count, 'run')),
        ),
      );
      return root;
    }
    const { row } = line;
    const isSelected = this.model.isSelected(row);
    if (this.model.view.group !== null) root.setAttribute('aria-level', '2');
    root.setAttribute('aria-selected', String(isSelected));
    root.classList.toggle('selected', isSelected);
    root.append(...this.#columns.map((column, i) => this.#cell(row, column, i)));
    return root;
  }

  #cell(row: RunRow, column: TableColumn, index: number): HTMLElement {
    const text = cellText(column, row.cells[column.id]);
    const attributes = {
      role: index === 0 ? 'rowheader' : 'gridcell',
      'aria-colindex': String(index + 1),
      class: `cell ${column.id === 'name' ? 'run-name' : column.kind}${isAmount(column) ? ' amount' : ''}`,
    };
    const cell = element('div', attributes);
    if (column.id === 'name') {
      cell.append(element('span', { class: 'mark', 'aria-hidden': 'true' }), element('span', { class: 'text' }, text));
      if (isPinned(row)) cell.append(element('span', { class: 'pin', title: 'Pinned' }, '★'));
    } else cell.append(text);
    if (column.kind === 'state') cell.dataset['state'] = String(row.cells['state']);
    if (text.length > 20) cell.title = String(row.cells[column.id]);
    return cell;
  }

  #lineOf(event: Event): number | undefined {
    const line = (event.target as Element).closest<HTMLElement>('.line')?.dataset['line'];
    return line === undefined ? undefined : Number(line);
  }

  #onClick(event: MouseEvent): void {
    const line = this.#lineOf(event);
    if (line === undefined) return;
    const { model } = this;
    const at = model.lines[line];
    const isMark = (event.target as Element).closest('.mark') !== null;
    if (event.shiftKey) model.goTo(line, 'extend');
    else if (event.ctrlKey || event.metaKey || isMark) model.toggle(line);
    else if (at?.kind === 'group') {
      model.setOpen(line, !at.isOpen);
      this.draw();
    } else model.selectOnly(line);
    this.#moved();
    this.focus();
  }

  #onDoubleClick(event: MouseEvent): void {
    const line = this.model.lines[this.#lineOf(event) ?? -1];
    if (line?.kind === 'run') this.actions.onOpen(line.row);
  }

  #onKey(event: KeyboardEvent): void {
    if (event.target !== this.root) return moveAmongHeads(event, this.#head, this.root);
    const { model } = this;
    const { key } = event;
    const command = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor(this.root.clientHeight / LINE) - 2);
    const to: Readonly<Record<string, number>> = {
      ArrowDown: model.active + 1,
      ArrowUp: model.active - 1,
      PageDown: model.active + page,
      PageUp: model.active - page,
      Home: 0,
      End: model.lines.length - 1,
    };
    const at = model.lines[model.active];
    if (to[key] !== undefined) model.goTo(to[key], event.shiftKey ? 'extend' : 'move');
    else if (key === ' ') model.toggle(model.active);
    else if (key === 'Enter' && at?.kind === 'run') this.actions.onOpen(at.row);
    else if (at?.kind === 'group' && (key === 'Enter' || key === 'ArrowLeft' || key === 'ArrowRight')) {
      model.setOpen(model.active, key === 'Enter' ? !at.isOpen : key === 'ArrowRight');
      this.draw();
    } else if (key === 'ArrowLeft' || key === 'ArrowRight') this.root.scrollLeft += key === 'ArrowRight' ? 80 : -80;
    else if (command && key.toLowerCase() === 'a') model.selectAll();
    else if (key === 'Escape') model.clearSelection();
    else if (key === 'Delete') this.actions.onDelete();
    else if (key.length === 1 && !command && !event.altKey) {
      // Not prevented: the key goes on to where the focus is now.
      this.actions.onType();
      return;
    } else return;
    event.preventDefault();
    // The workbench would choose all text of the page too.
    event.stopPropagation();
    this.#moved();
  }

  #moved(): void {
    this.reveal();
    this.#drawAnew();
    this.actions.onMove();
  }
}

function* texts(rows: readonly RunRow[], column: TableColumn): Iterable<string> {
  for (const { cells } of rows) yield cellText(column, cells[column.id]);
}
