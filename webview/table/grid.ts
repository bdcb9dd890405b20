import type { ColumnHistogram, Lengths, SortColumn, TableLine, TableQuery } from '../../src/core/dataset-table/index.js';
import { formatCount } from '../../src/format.js';
import { element } from '../ui/dom.js';
import { moveAmongHeads } from '../ui/table-heads.js';
import { histogramOf } from './histograms.js';
import { BLOCK, type LineCache } from './line-cache.js';
import { TallScroll } from './tall-scroll.js';
import { COLUMNS, type Column, keyText, margin, pieceNodes, signed, UNIT_WORDS } from './words.js';

/** Height of a line, in pixels; the style sheet has the same. */
const LINE = 68;
/** Lines drawn beyond what is in view. */
const BEYOND = 6;
/** Milliseconds without a move after which scrolling has come to rest. */
const REST = 120;

/** What stands below the heads of a run's columns. */
const OF_RUN: Readonly<Record<string, string>> = { margin_start: 'margin', margin: 'now', margin_change: 'of margin', seen: 'times' };

export interface GridActions {
  /** Where the keys are has changed. */
  readonly onMove: () => void;
  readonly onOpen: () => void;
  readonly onCompare: () => void;
  readonly onSort: (column: SortColumn) => void;
  /** Terms to add to the filter. */
  readonly onFilter: (terms: string) => void;
  /** Somebody types: what is typed goes to the filter. */
  readonly onType: () => void;
}

/** The table: a grid of which only the lines in view are there, however many there are. */
export class PairGrid {
  readonly root = element('div', { class: 'grid', role: 'grid', tabindex: '0', 'aria-label': 'Pairs', 'aria-describedby': 'grid-keys' });
  readonly #head = element('div', { class: 'line head', role: 'row', 'aria-rowindex': '1' });
  readonly #body = element('div', { class: 'lines', role: 'rowgroup' });
  readonly #heads = element('div', { role: 'rowgroup', class: 'heads' }, this.#head);
  readonly #scroll = new TallScroll();
  /** Lines that are there, by number. */
  readonly #there = new Map<number, HTMLElement>();
  #rest: ReturnType<typeof setTimeout> | undefined;
  #count = 0;
  #active = 0;
  /** Height that lines were last seen in. */
  #seenHeight = 0;
  /** Margins of a run are shown. */
  #hasRun = false;
  /** Some row says where it is from. */
  #hasSources = false;
  #how: TableQuery = { filter: '', sort: null, unit: 'characters' };
  #histograms: readonly ColumnHistogram[] = [];

  constructor(
    readonly lines: LineCache,
    readonly actions: GridActions,
  ) {
    this.root.append(this.#heads, this.#body);
    this.root.setAttribute('aria-colcount', String(this.#columns.length));
    this.root.addEventListener('scroll', () => this.#onScroll());
    this.root.addEventListener('keydown', (event) => this.#onKey(event));
    this.#body.addEventListener('click', (event) => this.#onClick(event));
    this.#body.addEventListener('dblclick', () => this.actions.onOpen());
    new ResizeObserver(() => {
      const wasSeen = this.#isSeen(this.#seenHeight);
      this.#resize();
      this.#seenHeight = this.#viewHeight;
      // A pane that opens below hides no line that the keys are at.
      if (wasSeen && !this.#isSeen(this.#seenHeight)) this.#goTo(this.#active);
    }).observe(this.root);
  }

  /** The line that the keys are at; undefined while it has not come. */
  get active(): TableLine | undefined {
    return this.lines.at(this.#active);
  }

  get #columns(): readonly Column[] {
    return COLUMNS.filter(({ id, ofRun }) => (ofRun !== true || this.#hasRun) && (id !== 'source' || this.#hasSources));
  }

  /** Shows the columns of a run, or not. */
  setRun(hasRun: boolean): void {
    if (hasRun === this.#hasRun) return;
    this.#hasRun = hasRun;
    this.root.classList.toggle('with-run', hasRun);
    this.#drawColumns();
  }

  /** Shows the column of sources, or not: most datasets have none. */
  setSources(hasSources: boolean): void {
    if (hasSources === this.#hasSources) return;
    this.#hasSources = hasSources;
    this.root.classList.toggle('with-sources', hasSources);
    this.#drawColumns();
  }

  #drawColumns(): void {
    this.root.setAttribute('aria-colcount', String(this.#columns.length));
    this.setHow(this.#how, this.#histograms);
    this.#drawAnew();
  }

  /** Takes the keys to a line. */
  goTo(number: number): void {
    this.#goTo(number);
  }

  /** How the table is looked at now. */
  setHow(how: TableQuery, histograms: readonly ColumnHistogram[]): void {
    this.#how = how;
    this.#histograms = histograms;
    this.#head.replaceChildren(...this.#columns.map((column, at) => this.#headOf(column, at, histograms)));
  }

  setCount(count: number): void {
    this.#count = count;
    this.#active = Math.max(0, Math.min(this.#active, count - 1));
    this.root.setAttribute('aria-rowcount', String(count + 1));
    this.#resize();
  }

  /** The lines are others now, or more is known of them. @param isAnew back to the first */
  redraw(isAnew: boolean): void {
    if (isAnew) {
      this.#active = 0;
      this.root.scrollTop = this.#scroll.goTo(0);
    }
    this.#drawAnew();
  }

  /** Lines have come. */
  came(from: number): void {
    for (let number = from; number < from + BLOCK; number++) {
      this.#there.get(number)?.remove();
      this.#there.delete(number);
    }
    this.#draw();
  }

  focus(): void {
    this.root.focus();
  }

  #headOf(column: Column, at: number, histograms: readonly ColumnHistogram[]): HTMLElement {
    const { id, label, title, number } = column;
    const { sort, unit } = this.#how;
    const isSorted = sort !== null && sort.column === id;
    const head = element('div', {
      role: 'columnheader',
      'aria-colindex': String(at + 1),
      class: `cell${number === undefined ? '' : ' amount'}`,
      ...(id.endsWith('-text') ? {} : { 'aria-sort': !isSorted ? 'none' : sort.descending ? 'descending' : 'ascending' }),
    });
    const histogram = histograms.find((each) => each.column === number);
    if (number !== undefined && histogram !== undefined) head.append(histogramOf(histogram, title ?? label, unit, this.actions.onFilter));
    if (id.endsWith('-text')) head.append(element('span', { class: 'label' }, label));
    else {
      const button = element('button', { type: 'button', class: 'sort', tabindex: at === 0 ? '0' : '-1' }, label);
      if (title !== undefined) button.title = column.ofRun === true ? title : `${title}, in ${UNIT_WORDS[unit]}`;
      button.addEventListener('click', () => this.actions.onSort(id as SortColumn));
      head.append(button);
      if (number !== undefined)
        head.append(element('span', { class: 'unit' }, column.ofRun === true ? (OF_RUN[id] ?? '') : UNIT_WORDS[unit]));
    }
    return head;
  }

  #resize(): void {
    this.#scroll.resize(this.#count * LINE, this.#viewHeight);
    this.#body.style.height = `${this.#scroll.elementHeight}px`;
    this.#drawAnew();
  }

  /** Whether the line that the keys are at is in view. */
  #isSeen(height: number): boolean {
    const at = this.#active * LINE;
    return at >= this.#scroll.top && at + LINE <= this.#scroll.top + height;
  }

  get #viewHeight(): number {
    return Math.max(LINE, this.root.clientHeight - this.#heads.offsetHeight);
  }

  #onScroll(): void {
    const before = this.#scroll.shift;
    this.#scroll.moved(this.root.scrollTop);
    if (this.#scroll.shift === before) this.#draw();
    else this.#drawAnew();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      const shift = this.#scroll.shift;
      const place = this.#scroll.rested();
      if (this.#scroll.shift === shift) return;
      this.root.scrollTop = place;
      this.#drawAnew();
    }, REST);
  }

  #drawAnew(): void {
    this.#there.clear();
    this.#body.replaceChildren();
    this.#draw();
  }

  #draw(): void {
    const { top, shift } = this.#scroll;
    const seen = Math.floor(top / LINE);
    const end = Math.ceil((top + this.#viewHeight) / LINE);
    const first = Math.max(0, seen - BEYOND);
    const last = Math.min(this.#count - 1, end + BEYOND);
    this.lines.want(seen, Math.min(this.#count - 1, end), this.#count);
    for (const [number, line] of this.#there) {
      if (number >= first && number <= last) continue;
      line.remove();
      this.#there.delete(number);
    }
    const made: HTMLElement[] = [];
    for (let number = first; number <= last; number++) {
      if (this.#there.has(number)) continue;
      const line = this.#line(number);
      line.style.transform = `translateY(${number * LINE + shift}px)`;
      this.#there.set(number, line);
      made.push(line);
    }
    this.#body.append(...made);
    this.#mark();
  }

  #mark(): void {
    for (const [number, line] of this.#there) {
      const isActive = number === this.#active;
      line.classList.toggle('active', isActive);
      line.setAttribute('aria-selected', String(isActive));
    }
    const active = this.#there.get(this.#active);
    if (active === undefined) this.root.removeAttribute('aria-activedescendant');
    else this.root.setAttribute('aria-activedescendant', active.id);
  }

  #line(number: number): HTMLElement {
    const root = element('div', { class: 'line', role: 'row', id: `line-${number}`, 'aria-rowindex': String(number + 2) });
    root.dataset['line'] = String(number);
    const line = this.lines.at(number);
    if (line === undefined) {
      root.classList.add('coming');
      root.append(element('div', { class: 'cell', role: 'rowheader' }, '…'));
      return root;
    }
    const { unit } = this.#how;
    const now = margin(line.margin?.now ?? null);
    const seen = line.margin === null ? '–' : formatCount(line.margin.seen);
    const lengths = line.lengths[unit];
    const amount = (text: string): HTMLElement => element('div', { class: 'cell amount', role: 'gridcell' }, text);
    const length = (part: keyof Lengths): HTMLElement => amount(lengths === null ? '–' : formatCount(lengths[part]));
    const text = (kind: string, ...children: readonly (Node | string)[]): HTMLElement =>
      element('div', { class: `cell text ${kind}`, role: 'gridcell', dir: 'auto' }, ...children);
    root.append(
      element('div', { class: 'cell row-number', role: 'rowheader' }, keyText(line, line.pairs)),
      text(
        'prompt',
        ...(line.role === null
          ? []
          : [element('span', { class: 'role' }, line.turns > 1 ? `${line.role}, ${line.turns} messages` : line.role), ' ']),
        line.prompt,
      ),
      text('chosen', ...pieceNodes(line.chosen, 'chosen')),
      text('rejected', ...pieceNodes(line.rejected, 'rejected')),
      ...(this.#hasSources ? [sourceCell(line.source)] : []),
      length('prompt'),
      length('chosen'),
      length('rejected'),
      amount(lengths === null ? '–' : signed(lengths.chosen - lengths.rejected)),
      ...(this.#hasRun ? [margin(line.margin?.start ?? null), now, margin(line.margin?.change ?? null), seen].map(amount) : []),
      element('div', { class: 'cell problems', role: 'gridcell', title: line.problems.join('\n') }, line.problems.join(', ')),
    );
    [...root.children].forEach((cell, at) => cell.setAttribute('aria-colindex', String(at + 1)));
    return root;
  }

  #onClick(event: MouseEvent): void {
    const line = (event.target as Element).closest<HTMLElement>('.line')?.dataset['line'];
    if (line !== undefined) this.#goTo(Number(line));
    this.focus();
  }

  #goTo(number: number): void {
    this.#active = Math.max(0, Math.min(number, this.#count - 1));
    const { top } = this.#scroll;
    const height = this.#viewHeight;
    const at = this.#active * LINE;
    const wanted = at < top ? at : at + LINE > top + height ? at + LINE - height : top;
    if (wanted !== top) {
      this.root.scrollTop = this.#scroll.goTo(wanted);
      this.#drawAnew();
    } else this.#mark();
    this.actions.onMove();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.target !== this.root) return moveAmongHeads(event, this.#head, this.root);
    const { key } = event;
    const command = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor(this.#viewHeight / LINE) - 1);
    const to: Readonly<Record<string, number>> = {
      ArrowDown: this.#active + 1,
      ArrowUp: this.#active - 1,
      PageDown: this.#active + page,
      PageUp: this.#active - page,
      Home: 0,
      End: this.#count - 1,
    };
    if (to[key] !== undefined && !command) this.#goTo(to[key]);
    else if (key === 'Enter') command ? this.actions.onCompare() : this.actions.onOpen();
    else if (key === 'ArrowLeft' || key === 'ArrowRight') this.root.scrollLeft += key === 'ArrowRight' ? 80 : -80;
    else if (key.length === 1 && key !== ' ' && !command && !event.altKey) {
      // Not prevented: the key goes on to where the focus is now.
      this.actions.onType();
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function sourceCell(source: string | null): HTMLElement {
  return element('div', { class: 'cell source', role: 'gridcell', ...(source === null ? {} : { title: source }) }, source ?? '');
}
