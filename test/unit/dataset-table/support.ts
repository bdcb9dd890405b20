import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatasetTable } from '../../../src/core/dataset-table/dataset-table.js';
import type { TableFound, TableSource, TableState } from '../../../src/core/dataset-table/messages.js';
import { type TableQuery, WHOLE_TABLE } from '../../../src/core/dataset-table/query.js';
import type { TableLine } from '../../../src/core/dataset-table/row-view.js';
import type { DiffPiece } from '../../../src/core/dataset-table/word-diff.js';

/** A table that is closed when the test ends, with all that it has told. */
export class OpenTable {
  #queries = 0;
  readonly states: TableState[] = [];
  readonly found: TableFound[] = [];
  table!: DatasetTable;

  static async open(t: TestContext, source: TableSource): Promise<OpenTable> {
    const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-table-'));
    const open = new OpenTable();
    t.after(async () => {
      await open.table?.close();
      await rm(folder, { recursive: true });
    });
    const listener = {
      onState: (state: TableState) => void open.states.push(state),
      onFound: (found: TableFound) => void open.found.push(found),
    };
    open.table = await DatasetTable.open(source, listener, folder);
    return open;
  }

  /** Waits until the columns of all rows are known. */
  async known(): Promise<this> {
    for (let { state } = this.table; !state.isWhole || state.known < state.rows; { state } = this.table) await sleep(2);
    return this;
  }

  async query(how: Partial<TableQuery>): Promise<TableFound> {
    const found = await this.table.query(++this.#queries, { ...WHOLE_TABLE, ...how });
    if (found === null) throw new Error('another query came');
    return found;
  }

  /** All lines of the last query. */
  async lines(from = 0, to = 500): Promise<TableLine[]> {
    return (await this.table.lines(this.#queries, from, to))!;
  }

  /** Rows and pairs of the lines that a filter lets through, as `row.pair`, from 1. */
  async matching(filter: string, how: Partial<TableQuery> = {}): Promise<string> {
    await this.query({ ...how, filter });
    return (await this.lines()).map(({ row, pair }) => (pair === 0 ? String(row + 1) : `${row + 1}.${pair + 1}`)).join(' ');
  }
}

/** Opened, and everything known. */
export async function tableOf(t: TestContext, file: string, more: Partial<TableSource> = {}): Promise<OpenTable> {
  const open = await (await OpenTable.open(t, { file, ...more })).known();
  await open.query({});
  return open;
}

export function textOf(pieces: readonly DiffPiece[]): string {
  return pieces.map(({ text }) => text).join('');
}
