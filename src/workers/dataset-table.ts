// Holds a dataset as a table: its index, its order, what somebody searches for. Started by `TableProcess`.
import { serveTable } from '../core/dataset-table/serve-table.js';
import { ownChannel } from '../core/transport/index.js';

serveTable(ownChannel());
