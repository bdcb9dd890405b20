import type { RunRow } from './row.js';

/** How a value is shown. */
export type ColumnKind = 'text' | 'state' | 'tags' | 'metric' | 'percent' | 'count' | 'time' | 'option';

export interface TableColumn {
  readonly id: string;
  readonly label: string;
  readonly kind: ColumnKind;
  /** What is said of a run, what came out, or what it was told to do. */
  readonly group: 'run' | 'figure' | 'option';
  /** Greater values first, when it is sorted by. */
  readonly descends: boolean;
}

interface Known extends TableColumn {
  /** `always`; `differing`: where runs differ in it; `asked`: when somebody asks for it. */
  readonly shown: 'always' | 'differing' | 'asked';
}

const column = (
  id: string,
  label: string,
  kind: ColumnKind,
  shown: Known['shown'],
  { group = 'run', descends = false }: Partial<Pick<TableColumn, 'group' | 'descends'>> = {},
): Known => ({ id, label, kind, group, descends, shown });

/** What every run has beside its options, in reading order. */
const KNOWN: readonly Known[] = [
  column('name', 'Run', 'text', 'always'),
  column('state', 'State', 'state', 'always'),
  column('loss', 'Loss', 'metric', 'always', { group: 'figure' }),
  column('accuracy', 'Accuracy', 'percent', 'always', { group: 'figure', descends: true }),
  column('margin', 'Margin', 'metric', 'always', { group: 'figure', descends: true }),
  column('best', 'Best loss', 'metric', 'differing', { group: 'figure' }),
  column('best_step', 'Best at step', 'count', 'asked', { group: 'figure' }),
  column('of', 'Figures of', 'text', 'asked', { group: 'figure' }),
  column('step', 'Step', 'count', 'asked', { group: 'figure', descends: true }),
  column('steps', 'Steps', 'count', 'differing', { group: 'figure', descends: true }),
  column('tags', 'Tags', 'tags', 'differing'),
  column('notes', 'Notes', 'text', 'differing'),
  column('dataset', 'Dataset', 'text', 'differing'),
  column('pairs', 'Pairs', 'count', 'differing', { descends: true }),
  column('model', 'Model', 'text', 'differing'),
  column('created', 'Created', 'time', 'always', { descends: true }),
  column('pinned', 'Pinned', 'text', 'asked'),
  column('id', 'Id', 'text', 'asked'),
  column('problem', 'Cannot be read', 'text', 'differing'),
];

/** Options that are others for every run, or say what the columns before them say. */
const ASKED: ReadonlySet<string> = new Set([
  'dataset.path',
  'dataset.sha256',
  'eval_dataset.sha256',
  'model.path',
  'made_with.wishbone',
  'made_with.git.commit',
  'made_with.git.dirty',
]);

/** The columns of some runs: those of all runs, and an option each of these has or one of them has. */
export interface RunColumns {
  readonly all: readonly TableColumn[];
  /** Ids of those that are shown unless somebody chooses others. */
  readonly usual: ReadonlySet<string>;
}

/** Columns of these runs, and which of them are worth showing: figures, and what the runs differ in. */
export function columnsOf(rows: readonly RunRow[]): RunColumns {
  const differing = differingIds(rows);
  const options = new Set<string>();
  const known = new Set(KNOWN.map(({ id }) => id));
  for (const { cells } of rows) for (const id of Object.keys(cells)) if (!known.has(id)) options.add(id);
  const label = shortNames(options);
  const ofOptions = [...options].map((id) => column(id, label(id), 'option', ASKED.has(id) ? 'asked' : 'differing', { group: 'option' }));
  const all = [...KNOWN, ...ofOptions];
  const usual = all.filter(({ id, shown }) => shown === 'always' || (shown === 'differing' && differing.has(id)));
  return { all, usual: new Set(usual.map(({ id }) => id)) };
}

/** Ids of what is not the same in all rows. */
function differingIds(rows: readonly RunRow[]): Set<string> {
  const differing = new Set<string>();
  // What could not be read differs in everything, and says nothing of it.
  const [first, ...others] = rows.filter(({ cells }) => cells['problem'] === undefined);
  for (const { cells } of others) {
    for (const id of Object.keys(cells)) if (cells[id] !== first!.cells[id]) differing.add(id);
    for (const id of Object.keys(first!.cells)) if (!(id in cells)) differing.add(id);
  }
  if (rows.some(({ cells }) => cells['problem'] !== undefined)) differing.add('problem');
  return differing;
}

/** `learning_rate` for `training.learning_rate`, as long as no other option ends so. */
function shortNames(ids: ReadonlySet<string>): (id: string) => string {
  const last = (id: string): string => id.slice(id.lastIndexOf('.') + 1);
  const counts = new Map<string, number>();
  for (const { id } of KNOWN) counts.set(id, 1);
  for (const id of ids) counts.set(last(id), (counts.get(last(id)) ?? 0) + 1);
  return (id) => (counts.get(last(id)) === 1 ? last(id) : id);
}

/** What somebody chose to see beside what is usual, and without it. */
export interface ColumnChoice {
  readonly shown: readonly string[];
  readonly hidden: readonly string[];
}

/** The columns to show, in reading order; the name is always one. */
export function chosenColumns({ all, usual }: RunColumns, { shown, hidden }: ColumnChoice): TableColumn[] {
  return all.filter(({ id }) => id === 'name' || shown.includes(id) || (usual.has(id) && !hidden.includes(id)));
}

/** The column that a person means: by its id, its label, or the end of its id. */
export function findColumn(columns: readonly TableColumn[], text: string): TableColumn | undefined {
  const wanted = text.trim().toLowerCase();
  return (
    columns.find(({ id }) => id.toLowerCase() === wanted) ??
    columns.find(({ label }) => label.toLowerCase() === wanted) ??
    columns.find(({ id }) => id.toLowerCase().endsWith(`.${wanted}`))
  );
}
