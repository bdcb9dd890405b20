import type { PairKey, SortColumn, TableQuery, Unit } from '../../src/core/dataset-table/index.js';
import { formatCount, formatPercent, plural } from '../../src/format.js';
import {
  readTablePageState,
  type ShownState,
  type TableHead,
  type TableHostMessage,
  type TablePageMessage,
  type TablePageState,
} from '../../src/protocol/table.js';
import { createButton, createDropdown, createTextField, rename, setDisabled, type ValueControl } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { markFirstPaint } from '../ui/first-paint.js';
import type { Host, PageView } from '../ui/host.js';
import { PairGrid } from './grid.js';
import { LineCache } from './line-cache.js';
import { PairPane } from './pair-pane.js';
import { COLUMNS } from './words.js';

/** Milliseconds that typing in the filter rests before it is looked for. */
const TYPING = 150;
/** Greater values first, when it is sorted by. */
const DESCENDS: ReadonlySet<SortColumn> = new Set(['prompt', 'chosen', 'rejected', 'difference', 'seen', 'problems']);
type Found = Extract<TableHostMessage, { type: 'found' }>['found'];

/** A dataset as a table: filter, unit, the grid, and the pair that is looked at. */
export class DatasetView implements PageView<TableHostMessage> {
  readonly #lines: LineCache;
  readonly #grid: PairGrid;
  readonly #pane: PairPane;
  readonly #filter: ValueControl;
  readonly #unit = element('div', { class: 'unit-choice' });
  readonly #run = element('div', { class: 'run-choice' });
  readonly #problem = element('div', { class: 'problem-choice' });
  readonly #stop: HTMLElement;
  readonly #status = element('p', { class: 'count', role: 'status' });
  readonly #progress = element('p', { class: 'note' });
  readonly #troubles = element('p', { class: 'trouble', role: 'alert', hidden: '' });
  readonly #title = element('h1', { class: 'hidden-title' }, 'Dataset');
  readonly #table: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #reason = element('h1', {}, '');
  readonly #advice = element('p', {}, '');
  readonly #openPair: HTMLElement;
  readonly #compare: HTMLElement;
  readonly #openRow: HTMLElement;
  readonly #showCurve: HTMLElement;
  /** A pair that is to be shown once it is known where it is. */
  #wanted: PairKey | undefined;
  #how: TableQuery;
  #query = 0;
  #found: Found | undefined;
  #state: ShownState | undefined;
  #head: TableHead | undefined;
  #isSearchStopped = false;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #choices = '';

  constructor(
    root: HTMLElement,
    readonly host: Host<TablePageMessage, TablePageState>,
  ) {
    this.#how = readTablePageState(host.kept)?.how ?? { filter: '', sort: null, unit: 'characters' };
    this.#lines = new LineCache((from, to) => host.post({ type: 'get-lines', query: this.#query, from, to }));
    this.#filter = createTextField({
      label: 'Filter pairs',
      value: this.#how.filter,
      placeholder: 'Words, problem:duplicate, source:hh, chosen>200, margin<0',
      onInput: (filter) => {
        clearTimeout(this.#typing);
        this.#typing = setTimeout(() => this.#look({ filter }), TYPING);
      },
    });
    this.#filter.root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#filter.value !== '') this.#setFilter('');
      else if (event.key === 'ArrowDown' || event.key === 'Enter') this.#grid.focus();
      else return;
      event.preventDefault();
    });
    this.#grid = new PairGrid(this.#lines, {
      onMove: () => this.#moved(),
      onOpen: () => this.#showPair(true),
      onCompare: () => this.#act('compare'),
      onSort: (column) => this.#sort(column),
      onFilter: (terms) => this.#setFilter(`${this.#how.filter.trim()} ${terms}`.trim()),
      onType: () => this.#filter.root.focus(),
    });
    this.#pane = new PairPane(
      (message) => host.post(message),
      () => this.#showPair(false),
      () => this.#grid.focus(),
    );
    this.#stop = createButton({
      label: 'Stop',
      title: 'Stop what goes on; what is known stays',
      onClick: () => {
        // What a search has found is shown; it ends before anything else does.
        if (this.#isSearching) this.#isSearchStopped = true;
        host.post({ type: 'stop' });
        this.#drawStatus();
      },
    });
    this.#stop.hidden = true;
    this.#openPair = createButton({
      label: 'Show Pair',
      title: 'Show all of the pair (Enter)',
      onClick: () => this.#showPair(!this.#pane.isOpen),
    });
    this.#compare = createButton({
      label: 'Compare',
      title: 'Rejected and chosen in the diff editor (Ctrl+Enter)',
      onClick: () => this.#act('compare'),
    });
    this.#openRow = createButton({
      label: 'Open Row',
      title: 'Show the row in the text of the file',
      onClick: () => this.#act('open-row'),
    });
    this.#showCurve = createButton({
      label: 'Show Curve',
      title: 'How the margin of the pair went, in the panel of the run',
      onClick: () => this.#act('show-curve'),
    });
    this.#empty = element(
      'div',
      { class: 'empty', hidden: '' },
      this.#reason,
      this.#advice,
      createButton({ label: 'Try Again', appearance: 'primary', onClick: () => host.post({ type: 'again' }) }),
    );
    this.#table = element(
      'div',
      { class: 'table' },
      this.#title,
      element(
        'div',
        { class: 'toolbar', role: 'toolbar', 'aria-label': 'Filter' },
        this.#filter.root,
        this.#problem,
        this.#unit,
        this.#run,
        this.#stop,
        this.#status,
      ),
      element(
        'div',
        { class: 'toolbar', role: 'toolbar', 'aria-label': 'Chosen pair' },
        this.#openPair,
        this.#compare,
        this.#openRow,
        this.#showCurve,
        this.#progress,
        element('span', { id: 'grid-keys', class: 'keys' }, 'Arrow keys move, Enter shows the pair, Ctrl+Enter compares, typing filters'),
      ),
      this.#troubles,
      this.#grid.root,
      this.#pane.root,
    );
    root.replaceChildren(this.#empty, this.#table);
    rename(this.#filter, 'Filter pairs');
    this.#grid.setHow(this.#how, []);
    this.#drawUnit();
    this.#moved();
  }

  receive(message: TableHostMessage): void {
    switch (message.type) {
      case 'table':
        return this.#begin(message.head);
      case 'state':
        return this.#take(message.state);
      case 'found':
        if (message.found.query === this.#query) this.#takeFound(message.found);
        return;
      case 'lines':
        if (message.query !== this.#query) return;
        this.#lines.take(message.from, message.lines);
        this.#grid.came(message.from);
        this.#moved();
        if (message.from === 0) markFirstPaint();
        return;
      case 'histograms':
        if (message.query === this.#query) this.#grid.setHow(this.#how, message.histograms);
        return;
      case 'pair':
        if (this.#pane.mayChange) this.#pane.show(message.view);
        return;
      case 'go-to':
        return this.#goTo(message.key);
      case 'place':
        if (message.query === this.#query) this.#goToPlace(message.at);
        return;
      case 'changed':
        return this.#ask(false);
      case 'empty':
        setText(this.#reason, message.reason);
        setText(this.#advice, message.advice);
        this.#empty.hidden = false;
        this.#table.hidden = true;
        markFirstPaint();
    }
  }

  #begin(head: TableHead): void {
    const before = this.#head;
    const isFirst = before === undefined;
    this.#head = head;
    this.#empty.hidden = true;
    this.#table.hidden = false;
    setText(this.#title, `Pairs of ${head.name}`);
    this.#pane.setCanEdit(head.canEdit);
    if (head.model === null && this.#how.unit === 'tokens') this.#how = { ...this.#how, unit: 'characters' };
    this.#drawUnit();
    this.#drawRun();
    const hasRun = head.run !== null;
    this.#grid.setRun(hasRun);
    // Its head is gone, so that nobody could take it back.
    if (!hasRun && before !== undefined && before.run !== null && isOfRun(this.#how.sort?.column)) this.#how = { ...this.#how, sort: null };
    if (isFirst) this.#ask(true);
    this.#moved();
  }

  /** Takes the keys to a pair; a filter or an order would hide where it is. */
  #goTo(key: PairKey): void {
    this.#wanted = key;
    this.#filter.value = '';
    clearTimeout(this.#typing);
    this.#look({ filter: '', sort: null });
    this.host.post({ type: 'find', query: this.#query, key });
  }

  #goToPlace(at: number): void {
    // Rows are still being found.
    if ((at < 0 || at >= (this.#state?.lines ?? 0)) && this.#state?.isWhole !== true) return;
    this.#wanted = undefined;
    if (at < 0) return;
    this.#grid.goTo(at);
    this.#showPair(true);
  }

  /** The run whose margins are shown, as a button that asks for another. */
  #drawRun(): void {
    const { run = null, runs = 0 } = this.#head ?? {};
    if (run === null && runs === 0) return this.#run.replaceChildren();
    const label = run === null ? 'Margins of a Run…' : `Margins of ${run}`;
    const title = run === null ? 'Show what became of each pair in a run' : 'Choose another run, or none';
    this.#run.replaceChildren(createButton({ label, title, onClick: () => this.host.post({ type: 'choose-run' }) }));
  }

  #take(state: ShownState): void {
    const before = this.#state;
    this.#state = state;
    this.#grid.setSources(state.sources.length > 0);
    // Lines in the file's order are all there is: those that are known now are drawn as they are.
    if (this.#isPlain) this.#grid.setCount(state.lines);
    if (this.#wanted !== undefined) this.host.post({ type: 'find', query: this.#query, key: this.#wanted });
    const isKnown = state.isWhole && state.known === state.rows;
    // Its head is not there, so that nobody could take it back.
    if (isKnown && state.sources.length === 0 && this.#how.sort?.column === 'source') this.#look({ sort: null });
    if (before !== undefined && isKnown && before.known !== state.known) {
      this.#askLines();
      this.host.post({ type: 'get-histograms', query: this.#query });
    }
    if (before !== undefined && this.#how.unit === 'tokens' && before.counted !== state.counted) {
      this.#askLines();
      if (state.counted === state.rows) this.host.post({ type: 'get-histograms', query: this.#query });
    }
    this.#troubles.hidden = state.troubles.length === 0;
    setText(this.#troubles, state.troubles.join(' '));
    this.#drawProblems(state.problems);
    this.#drawStatus();
  }

  #takeFound(found: Found): void {
    const isDone = this.#found?.isDone !== true && found.isDone;
    const isOther = this.#found?.count !== found.count;
    this.#found = found;
    this.#grid.setCount(found.count);
    if (isOther || isDone) this.#askLines();
    if (isDone) this.host.post({ type: 'get-histograms', query: this.#query });
    this.#drawStatus();
  }

  /** All lines in the order of the file. */
  get #isPlain(): boolean {
    return this.#how.filter.trim() === '' && this.#how.sort === null;
  }

  get #isSearching(): boolean {
    return !this.#isPlain && this.#found?.isDone !== true && !this.#isSearchStopped;
  }

  #askLines(): void {
    this.#lines.outdate();
    this.#grid.redraw(false);
    if (this.#pane.isOpen && this.#pane.mayChange) this.#askPair();
  }

  /** Asks how it is looked at. @param isAnew back to the first line */
  #ask(isAnew: boolean): void {
    this.#found = undefined;
    this.#isSearchStopped = false;
    if (isAnew) this.#lines.clear();
    else this.#lines.outdate();
    this.host.post({ type: 'query', query: ++this.#query, how: this.#how });
    this.#grid.redraw(isAnew);
    if (!isAnew && this.#pane.isOpen && this.#pane.mayChange) this.#askPair();
    this.#drawStatus();
  }

  #look(change: Partial<TableQuery>): void {
    this.#how = { ...this.#how, ...change };
    this.host.keep({ how: this.#how });
    this.#grid.setHow(this.#how, []);
    this.#drawUnit();
    this.#ask(true);
  }

  #setFilter(filter: string): void {
    clearTimeout(this.#typing);
    this.#filter.value = filter;
    this.#look({ filter });
  }

  #sort(column: SortColumn): void {
    const { sort } = this.#how;
    const first = DESCENDS.has(column);
    // The better way, the other way, the file's order.
    if (sort?.column !== column) this.#look({ sort: { column, descending: column === 'row' ? true : first } });
    else if (sort.descending === (column === 'row' ? true : first) && column !== 'row')
      this.#look({ sort: { column, descending: !sort.descending } });
    else this.#look({ sort: null });
  }

  #moved(): void {
    const { active } = this.#grid;
    for (const button of [this.#openPair, this.#openRow]) setDisabled(button, active === undefined);
    setDisabled(this.#compare, active === undefined || active.pairs === 0);
    this.#showCurve.hidden = (this.#head?.run ?? null) === null;
    setDisabled(this.#showCurve, (active?.margin?.seen ?? 0) === 0);
    if (this.#pane.isOpen && this.#pane.mayChange) this.#askPair();
  }

  #askPair(): void {
    const { active } = this.#grid;
    if (active !== undefined) this.host.post({ type: 'get-pair', key: { row: active.row, pair: active.pair } });
  }

  #showPair(isOpen: boolean): void {
    this.#pane.open(isOpen);
    setText(this.#openPair, isOpen ? 'Hide Pair' : 'Show Pair');
    if (isOpen) this.#askPair();
    this.#grid.focus();
  }

  #act(action: 'compare' | 'open-row' | 'show-curve'): void {
    const { active } = this.#grid;
    if (active !== undefined) this.host.post({ type: 'act', action, key: { row: active.row, pair: active.pair } });
  }

  #drawUnit(): void {
    const model = this.#head?.model ?? null;
    if (model === null) {
      const choose = createButton({
        label: 'Count Tokens…',
        title: 'Lengths are in characters. Choose a model, whose tokenizer counts',
        onClick: () => this.host.post({ type: 'choose-model' }),
      });
      this.#unit.replaceChildren(choose);
      return;
    }
    const dropdown = createDropdown({
      label: 'Lengths in',
      choices: [
        { value: 'characters', label: 'In characters' },
        { value: 'tokens', label: `In tokens of ${model}` },
      ],
      value: this.#how.unit,
      onChange: (unit) => unit !== this.#how.unit && this.#look({ unit: unit as Unit }),
    });
    this.#unit.replaceChildren(dropdown.root);
  }

  /** Problems that there are, as a choice of filters. */
  #drawProblems(problems: ShownState['problems']): void {
    const names = Object.keys(problems);
    const choices = JSON.stringify(problems);
    if (choices === this.#choices) return;
    this.#choices = choices;
    this.#problem.hidden = names.length === 0;
    const ALL = '-';
    const dropdown = createDropdown({
      label: 'Problems',
      choices: [
        { value: ALL, label: 'All rows' },
        { value: 'any', label: 'With problems' },
        { value: 'none', label: 'Without problems' },
        ...names.map((name) => ({ value: name, label: `${name} (${formatCount(problems[name]!)})` })),
      ],
      value: /(?:^|\s)problem:(\S+)/.exec(this.#how.filter)?.[1] ?? ALL,
      onChange: (name) => {
        const others = this.#how.filter.replace(/(?:^|\s)problem:\S*/g, '').trim();
        this.#setFilter(name === ALL ? others : `${others} problem:${name}`.trim());
      },
    });
    this.#problem.replaceChildren(dropdown.root);
  }

  #drawStatus(): void {
    const state = this.#state;
    if (state === undefined) return;
    const all = plural(state.lines, 'pair');
    const count = this.#isPlain ? undefined : this.#found?.count;
    const isOver = this.#isPlain || this.#found?.isDone === true;
    const searched = !isOver && this.#found !== undefined && this.#found.total > 0 ? this.#found.searched / this.#found.total : undefined;
    const isAll = count === undefined || (count === state.lines && this.#how.filter.trim() === '');
    const some = isAll ? all : `${formatCount(count)} of ${all}`;
    const how = searched === undefined ? 'searching' : `${formatPercent(searched)} searched`;
    setText(this.#status, isOver ? some : `${some}, ${this.#isSearchStopped ? `stopped: ${how}` : how}`);
    const progress = progressText(state);
    this.#stop.hidden = !this.#isSearching && (progress === '' || state.isStopped);
    setText(this.#progress, progress);
  }
}

function isOfRun(column: SortColumn | undefined): boolean {
  return COLUMNS.some(({ id, ofRun }) => id === column && ofRun === true);
}

function progressText({ isWhole, isStopped, found, known, rows, counted }: ShownState): string {
  if (isStopped) return !isWhole || known < rows ? `Stopped: ${formatCount(known)} rows are known` : 'Stopped counting tokens';
  if (!isWhole) return `Finding rows: ${formatPercent(found)} of the file`;
  if (known < rows) return `Checking rows: ${formatPercent(known / rows)}; filters and order are of those`;
  if (counted !== null && counted < rows) return `Counting tokens: ${formatPercent(counted / rows)}`;
  return '';
}
