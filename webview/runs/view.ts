import { isPinned } from '../../src/core/run-table/index.js';
import { formatCount, plural, sentence } from '../../src/format.js';
import type { RunsAction, RunsHostMessage, RunsPageMessage, RunsPageState } from '../../src/protocol/runs.js';
import { createButton, createDropdown, createTextField, rename, setDisabled, type ValueControl } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { markFirstPaint } from '../ui/first-paint.js';
import type { Host, PageView } from '../ui/host.js';
import { ColumnChooser } from './chooser.js';
import { RunsGrid } from './grid.js';
import { TableModel } from './model.js';
import { NotesPane } from './notes.js';

/** The dropdown's value for no group; an empty one would be taken for chosen whatever is. */
const NO_GROUP = '-';
/** What runs are most often grouped by, before anything else there is. */
const FIRST_GROUPS = ['dataset', 'model', 'tags', 'state'];
/** A term that is being typed is not called wrong before somebody rests. */
const TYPING_MILLISECONDS = 400;
const NOT_GROUPED = new Set(['name', 'id', 'loss', 'accuracy', 'margin', 'best', 'best_step', 'step', 'created', 'notes', 'problem']);

/** All runs of the workspace: filter, columns, groups, and what can be done with those that are chosen. */
export class RunsView implements PageView<RunsHostMessage> {
  readonly #model = new TableModel();
  readonly #grid: RunsGrid;
  readonly #chooser: ColumnChooser;
  readonly #notes: NotesPane;
  readonly #filter: ValueControl;
  readonly #problem = element('p', { class: 'filter-problem', role: 'alert', hidden: '' });
  #typing: ReturnType<typeof setTimeout> | undefined;
  readonly #group = element('div', { class: 'group-by' });
  readonly #status = element('p', { class: 'count', role: 'status' });
  readonly #none = element('p', { class: 'none', role: 'status', hidden: '' });
  readonly #buttons: Readonly<Record<'open' | 'compare' | 'pin' | 'tag' | 'notes' | 'delete', HTMLElement>>;
  readonly #columns: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #table: HTMLElement;
  #groups = '';
  #hasRuns = false;

  constructor(
    root: HTMLElement,
    readonly host: Host<RunsPageMessage, RunsPageState>,
  ) {
    host.keep({ table: true });
    this.#filter = createTextField({
      label: 'Filter runs',
      value: '',
      placeholder: 'Words, #tag, state:failed, learning_rate>1e-6',
      // Kept at once: the page may be gone a moment later, with what opens over it.
      onInput: (filter) => this.#changeView({ filter }),
    });
    this.#filter.root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#filter.value !== '') {
        this.#filter.value = '';
        this.#changeView({ filter: '' });
      } else if (event.key === 'ArrowDown' || event.key === 'Enter') this.#grid.focus();
      else return;
      event.preventDefault();
    });
    this.#grid = new RunsGrid(this.#model, {
      onMove: () => this.#moved(),
      onView: () => this.#changed(),
      onOpen: ({ folder }) => this.#post('open', [folder]),
      onDelete: () => this.#act('delete'),
      onType: () => this.#filter.root.focus(),
    });
    this.#chooser = new ColumnChooser(
      this.#model,
      () => this.#changed(),
      () => this.#openChooser(false),
    );
    this.#notes = new NotesPane(
      (message) => host.post(message),
      () => this.#openNotes(false),
    );
    const button = (label: string, title: string, onClick: () => void): HTMLElement => createButton({ label, title, onClick });
    this.#buttons = {
      open: button('Open', 'Open the run (Enter)', () => this.#act('open')),
      compare: button('Compare', 'Compare the chosen runs in one panel', () => this.#act('compare')),
      pin: button('Pin', 'Keep the chosen runs at the top', () => this.#act(this.#areTargetsPinned() ? 'unpin' : 'pin')),
      tag: button('Tag…', 'Tags of the chosen runs', () => this.#act('tag')),
      notes: button('Notes', 'What is written down about the run', () => this.#openNotes(!this.#notes.isOpen)),
      delete: button('Delete…', 'Delete the chosen runs (Delete)', () => this.#act('delete')),
    };
    this.#columns = button('Columns…', 'Choose columns', () => this.#openChooser(!this.#chooser.isOpen));
    this.#columns.setAttribute('aria-expanded', 'false');
    this.#columns.setAttribute('aria-controls', 'columns');
    this.#empty = element(
      'div',
      { class: 'empty', hidden: '' },
      element('h1', {}, 'No runs yet'),
      element('p', {}, 'Runs of this workspace are listed here, whoever starts them.'),
      createButton({ label: 'Launch Run…', appearance: 'primary', onClick: () => host.post({ type: 'launch' }) }),
    );
    this.#table = element(
      'div',
      { class: 'table', hidden: '' },
      element('h1', { class: 'hidden-title' }, 'Runs'),
      element(
        'div',
        { class: 'toolbar', role: 'toolbar', 'aria-label': 'Filter, groups and columns' },
        this.#filter.root,
        this.#group,
        this.#columns,
        button('Save as CSV…', 'Save what is shown', () => this.#saveCsv()),
        this.#status,
      ),
      this.#problem,
      this.#chooser.root,
      element(
        'div',
        { class: 'toolbar', role: 'toolbar', 'aria-label': 'Chosen runs' },
        ...Object.values(this.#buttons),
        element('span', { id: 'grid-keys', class: 'keys' }, 'Arrow keys move, Space chooses, Enter opens, typing filters'),
      ),
      this.#grid.root,
      this.#none,
      this.#notes.root,
    );
    root.replaceChildren(this.#empty, this.#table);
    rename(this.#filter, 'Filter runs');
    this.#chooser.named();
  }

  receive(message: RunsHostMessage): void {
    switch (message.type) {
      case 'view':
        this.#model.setView(message.view);
        this.#filter.value = message.view.filter;
        break;
      case 'runs':
        this.#hasRuns = true;
        this.#model.setRows(message.rows.map(({ folder, cells }) => ({ folder, cells: { ...message.common, ...cells } })));
        break;
      case 'changed':
        this.#model.setRow(message.row);
        break;
      case 'notes':
        this.#notes.show(message);
        return;
    }
    if (this.#hasRuns) this.#draw();
  }

  #draw(): void {
    const isEmpty = this.#model.count === 0;
    this.#empty.hidden = !isEmpty;
    this.#table.hidden = isEmpty;
    if (isEmpty) return markFirstPaint();
    this.#drawGroups();
    this.#chooser.draw();
    this.#grid.draw();
    this.#drawProblem();
    const nothing = this.#model.lines.length === 0;
    this.#none.hidden = !nothing;
    setText(this.#none, nothing ? 'No run matches the filter.' : '');
    this.#moved();
    markFirstPaint();
  }

  /** Says why a term of the filter counts for nothing: what is said already is kept right, what is new waits for a rest. */
  #drawProblem(): void {
    const { problem } = this.#model;
    const draw = (): void => {
      this.#problem.hidden = problem === undefined;
      setText(this.#problem, problem === undefined ? '' : `${sentence(problem.what)}: ${problem.advice}.`);
      if (problem === undefined) this.#filter.root.removeAttribute('aria-invalid');
      else this.#filter.root.setAttribute('aria-invalid', 'true');
    };
    clearTimeout(this.#typing);
    if (problem === undefined || !this.#problem.hidden) draw();
    else this.#typing = setTimeout(draw, TYPING_MILLISECONDS);
  }

  /** The columns to group by change with the runs: the control is made again when they do. */
  #drawGroups(): void {
    const { all, usual } = this.#model.columns;
    const { group } = this.#model.view;
    const can = all.filter(({ id }) => !NOT_GROUPED.has(id));
    const rank = (id: string): number => (FIRST_GROUPS.includes(id) ? FIRST_GROUPS.indexOf(id) : usual.has(id) ? 10 : 20);
    const choices = can.sort((a, b) => rank(a.id) - rank(b.id)).map(({ id, label }) => ({ value: id, label: `By ${label.toLowerCase()}` }));
    const groups = JSON.stringify([choices, group]);
    if (groups === this.#groups) return;
    this.#groups = groups;
    const dropdown = createDropdown({
      label: 'Group runs',
      choices: [{ value: NO_GROUP, label: 'No groups' }, ...choices],
      value: group ?? NO_GROUP,
      onChange: (value) => this.#changeView({ group: value === NO_GROUP ? null : value }),
    });
    this.#group.replaceChildren(dropdown.root);
  }

  #moved(): void {
    const { shown, count, selection, targets, activeRow } = this.#model;
    const all = plural(count, 'run');
    const some = shown.length === count ? all : `${formatCount(shown.length)} of ${all}`;
    setText(this.#status, selection.length === 0 ? some : `${some}, ${formatCount(selection.length)} chosen`);
    const { open, compare, pin, tag, notes, delete: remove } = this.#buttons;
    for (const button of [open, pin, tag, remove]) setDisabled(button, targets.length === 0);
    setDisabled(compare, targets.length < 2);
    setDisabled(notes, activeRow === undefined && !this.#notes.isOpen);
    setText(pin, this.#areTargetsPinned() ? 'Unpin' : 'Pin');
    if (activeRow !== undefined) this.#notes.ask(activeRow.folder, String(activeRow.cells['name']));
  }

  #areTargetsPinned(): boolean {
    const { targets } = this.#model;
    return targets.length > 0 && targets.every(isPinned);
  }

  #act(action: RunsAction): void {
    const { targets, activeRow } = this.#model;
    if (targets.length === 0) return;
    this.#post(action, action === 'open' ? [(activeRow ?? targets[0]!).folder] : targets.map(({ folder }) => folder));
  }

  #post(action: RunsAction, folders: readonly string[]): void {
    this.host.post({ type: 'act', action, folders });
  }

  #saveCsv(): void {
    const { visibleColumns, shown } = this.#model;
    this.host.post({ type: 'save-csv', columns: visibleColumns.map(({ id }) => id), folders: shown.map(({ folder }) => folder) });
  }

  #openChooser(isOpen: boolean): void {
    this.#chooser.open(isOpen);
    this.#columns.setAttribute('aria-expanded', String(isOpen));
    if (!isOpen) this.#columns.focus();
  }

  #openNotes(isOpen: boolean): void {
    this.#notes.open(isOpen);
    if (!isOpen) this.#grid.focus();
    this.#moved();
  }

  #changeView(change: Parameters<TableModel['setView']>[0]): void {
    this.#model.setView(change);
    this.#changed();
  }

  #changed(): void {
    this.#draw();
    this.#keep();
  }

  #keep(): void {
    this.host.post({ type: 'keep-view', view: this.#model.view });
  }
}
