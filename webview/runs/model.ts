import {
  type CellValue,
  checkFilter,
  chosenColumns,
  columnsOf,
  type FilterProblem,
  groupedRows,
  matches,
  parseFilter,
  type RunColumns,
  type RunRow,
  sortedRows,
  type TableColumn,
} from '../../src/core/run-table/index.js';
import { DEFAULT_RUNS_VIEW, type RunsTableView } from '../../src/protocol/runs.js';

/** A line of the table: a run, or the heading of a group of them. */
export type Line =
  | { readonly kind: 'run'; readonly row: RunRow }
  | { readonly kind: 'group'; readonly value: CellValue | undefined; readonly count: number; readonly isOpen: boolean };

/** What the table shows: rows, how they are looked at, which are chosen. Knows nothing of a page. */
export class TableModel {
  #rows = new Map<string, RunRow>();
  #view: RunsTableView = DEFAULT_RUNS_VIEW;
  #columns: RunColumns = columnsOf([]);
  #lines: readonly Line[] = [];
  #shown: readonly RunRow[] = [];
  #problem: FilterProblem | undefined;
  readonly #selected = new Set<string>();
  readonly #closed = new Set<CellValue | undefined>();
  /** Where the keys are: a line. */
  #active = 0;
  /** Where a selection with Shift begins. */
  #anchor = 0;

  get view(): RunsTableView {
    return this.#view;
  }

  get columns(): RunColumns {
    return this.#columns;
  }

  get visibleColumns(): TableColumn[] {
    return chosenColumns(this.#columns, this.#view);
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  /** All runs, however they are looked at. */
  get count(): number {
    return this.#rows.size;
  }

  /** Runs that the filter lets through, in their order, each once. */
  get shown(): readonly RunRow[] {
    return this.#shown;
  }

  /** Why a term of the filter counts for nothing. */
  get problem(): FilterProblem | undefined {
    return this.#problem;
  }

  get active(): number {
    return this.#active;
  }

  get activeRow(): RunRow | undefined {
    const line = this.#lines[this.#active];
    return line?.kind === 'run' ? line.row : undefined;
  }

  isSelected({ folder }: RunRow): boolean {
    return this.#selected.has(folder);
  }

  /** The chosen runs, in their order; without any, that where the keys are. */
  get targets(): RunRow[] {
    const selected = this.selection;
    return selected.length > 0 ? selected : this.activeRow === undefined ? [] : [this.activeRow];
  }

  /** The chosen runs among those shown: what is out of sight is not deleted. */
  get selection(): RunRow[] {
    return this.#shown.filter(({ folder }) => this.#selected.has(folder));
  }

  setRows(rows: readonly RunRow[]): void {
    this.#rows = new Map(rows.map((row) => [row.folder, row]));
    for (const folder of [...this.#selected]) if (!this.#rows.has(folder)) this.#selected.delete(folder);
    this.#columns = columnsOf(rows);
    this.#arrange();
  }

  /** Takes over one run as it is now. */
  setRow(row: RunRow): void {
    this.#rows.set(row.folder, row);
    this.#columns = columnsOf([...this.#rows.values()]);
    this.#arrange();
  }

  setView(change: Partial<RunsTableView>): void {
    if (change.group !== undefined && change.group !== this.#view.group) this.#closed.clear();
    this.#view = { ...this.#view, ...change };
    this.#arrange();
  }

  /** The better ones first, then the other way round, then the newest first. */
  sortBy({ id, descends }: TableColumn): void {
    const { sort } = this.#view;
    if (sort?.column !== id) this.setView({ sort: { column: id, descending: descends } });
    else this.setView({ sort: sort.descending === descends ? { column: id, descending: !descends } : null });
  }

  showColumn(id: string, wanted: boolean): void {
    const without = (ids: readonly string[]): string[] => ids.filter((each) => each !== id);
    const { shown, hidden } = this.#view;
    const isUsual = this.#columns.usual.has(id);
    this.setView({
      shown: [...without(shown), ...(wanted && !isUsual ? [id] : [])],
      hidden: [...without(hidden), ...(!wanted && isUsual ? [id] : [])],
    });
  }

  /** Goes to a line. @param how `extend`: chooses all from the anchor to there; `add`: leaves what is chosen as it is */
  goTo(line: number, how: 'move' | 'extend' | 'add' = 'move'): void {
    this.#active = Math.max(0, Math.min(this.#lines.length - 1, line));
    if (how === 'extend') {
      const [from, to] = [Math.min(this.#anchor, this.#active), Math.max(this.#anchor, this.#active)];
      this.#selected.clear();
      for (const each of this.#lines.slice(from, to + 1)) if (each.kind === 'run') this.#selected.add(each.row.folder);
    } else this.#anchor = this.#active;
  }

  /** Chooses this run alone. */
  selectOnly(line: number): void {
    this.goTo(line);
    this.#selected.clear();
    if (this.activeRow !== undefined) this.#selected.add(this.activeRow.folder);
  }

  /** Chooses a run, or no longer; of a heading all of its runs. */
  toggle(line: number): void {
    this.goTo(line, 'add');
    const at = this.#lines[line];
    if (at === undefined) return;
    const rows = at.kind === 'run' ? [at.row] : this.#groupOf(at.value);
    const all = rows.every((row) => this.isSelected(row));
    for (const { folder } of rows) {
      if (all) this.#selected.delete(folder);
      else this.#selected.add(folder);
    }
  }

  selectAll(): void {
    for (const { folder } of this.#shown) this.#selected.add(folder);
  }

  clearSelection(): void {
    this.#selected.clear();
  }

  /** Opens or closes a group. */
  setOpen(line: number, isOpen: boolean): void {
    const at = this.#lines[line];
    if (at?.kind !== 'group' || at.isOpen === isOpen) return;
    if (isOpen) this.#closed.delete(at.value);
    else this.#closed.add(at.value);
    this.#arrange();
    this.goTo(line);
  }

  #groupOf(value: CellValue | undefined): readonly RunRow[] {
    const { group } = this.#view;
    return group === null ? [] : (groupedRows(this.#shown, group).find((each) => each.value === value)?.rows ?? []);
  }

  #arrange(): void {
    const where = this.activeRow?.folder;
    const rows = [...this.#rows.values()];
    const { group, sort, filter } = this.#view;
    const { sound, problem } = checkFilter(parseFilter(filter), rows);
    this.#problem = problem;
    this.#shown = sortedRows(
      rows.filter((row) => matches(row, sound)),
      sort ?? undefined,
    );
    const line = (row: RunRow): Line => ({ kind: 'run', row });
    this.#lines =
      group === null
        ? this.#shown.map(line)
        : groupedRows(this.#shown, group).flatMap(({ value, rows }): Line[] => {
            const isOpen = !this.#closed.has(value);
            return [{ kind: 'group', value, count: rows.length, isOpen }, ...(isOpen ? rows.map(line) : [])];
          });
    // The keys stay with the run that they were on.
    const again = this.#lines.findIndex((each) => each.kind === 'run' && each.row.folder === where);
    this.goTo(again < 0 ? this.#active : again);
  }
}
