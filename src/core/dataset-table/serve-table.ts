import { type Channel, serve, type Teller } from '../transport/index.js';
import { DatasetTable } from './dataset-table.js';
import type { TableCalls, TableEvents } from './messages.js';

/** Serves one table. */
export function serveTable(channel: Channel): void {
  let opened: DatasetTable | undefined;
  const table = (): DatasetTable => {
    if (opened === undefined) throw new Error('no table is open');
    return opened;
  };
  const teller: Teller<TableEvents> = serve<TableCalls, TableEvents>(channel, {
    open: async (source) => {
      const listener = {
        onState: (state: TableEvents['state']) => teller.tell('state', state),
        onFound: (found: TableEvents['found']) => teller.tell('found', found),
      };
      await opened?.close();
      opened = await DatasetTable.open(source, listener);
      return opened.state;
    },
    query: ({ query, how }) => table().query(query, how),
    lines: ({ query, from, to }) => table().lines(query, from, to),
    histograms: () => table().histograms(),
    pair: (key) => table().pair(key),
    texts: async (key) => (await table().texts(key)) ?? null,
    stop: () => table().stop(),
    line: (row) => table().line(row),
    edit: (change) => table().edit(change),
    margins: (run) => table().margins(run),
    find: (key) => table().find(key),
  });
}
