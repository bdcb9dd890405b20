export type CellValue = string | number;

/** A run as tables have it. A column that it has no value for is absent. */
export interface RunRow {
  /** Absolute path; what the run is told by. */
  readonly folder: string;
  /** By the column's id: a fact or figure, or an option by its path in `run.json`, such as `training.learning_rate`. */
  readonly cells: Readonly<Record<string, CellValue>>;
}

/** Runs that somebody wants to have at the top. */
export function isPinned({ cells }: RunRow): boolean {
  return cells['pinned'] === 'yes';
}

/** How a run stands, or this where it cannot be read. */
export const UNREADABLE = 'unreadable';
