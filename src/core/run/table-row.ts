import path from 'node:path';
import { modelName } from '../hub/cache.js';
import { type CellValue, type RunRow, UNREADABLE } from '../run-table/index.js';
import type { RunConfig } from './config.js';
import { datasetName } from './dataset-name.js';
import type { RunListing } from './folder.js';

/** Parts of a run's config that are columns. */
const SECTIONS = ['dataset', 'eval_dataset', 'model', 'plan', 'training', 'runner', 'made_with'] as const;
/** Lists of files are no cell of a table. */
const LEFT_OUT: ReadonlySet<string> = new Set(['names', 'files', 'left_out', 'unread_columns', 'hub']);

/** A config is read once and never changed. */
const options = new WeakMap<RunConfig, Readonly<Record<string, CellValue>>>();

/** A run as tables have it. */
export function rowOf(listing: RunListing): RunRow {
  const { folder } = listing;
  if (listing.problem !== undefined) {
    return { folder, cells: { name: path.basename(folder), state: UNREADABLE, problem: listing.problem.what } };
  }
  const { config, tags, notes, pinned, state, step, steps, figures } = listing;
  const facts: Record<string, CellValue | undefined> = {
    name: config.name,
    id: config.id,
    state,
    loss: figures?.loss,
    accuracy: figures?.accuracy,
    margin: figures?.margin,
    best: figures?.best?.loss,
    best_step: figures?.best?.step,
    of:
      figures === undefined
        ? undefined
        : figures.of === 'evaluation'
          ? `evaluation at step ${figures.step}`
          : `last ${figures.pairs} pairs`,
    step,
    steps,
    tags: tags.length === 0 ? undefined : tags.join(' '),
    notes: notes === '' ? undefined : notes,
    pinned: pinned === true ? 'yes' : undefined,
    dataset: datasetName(config.dataset),
    pairs: config.dataset.pairs,
    model: modelName(config.model.path),
    created: config.created,
  };
  const cells = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Record<string, CellValue>;
  return { folder, cells: { ...cells, ...optionsOf(config) } };
}

function optionsOf(config: RunConfig): Readonly<Record<string, CellValue>> {
  const known = options.get(config);
  if (known !== undefined) return known;
  const found: Record<string, CellValue> = {};
  for (const section of SECTIONS) collect(config[section], section, found);
  options.set(config, found);
  return found;
}

function collect(value: unknown, at: string, found: Record<string, CellValue>): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null) {
    found[at] = typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
    return;
  }
  if (Array.isArray(value)) {
    // Lists of losses and the like.
    found[at] = value.every((each) => typeof each !== 'object') ? value.join(', ') : JSON.stringify(value);
    return;
  }
  for (const [name, part] of Object.entries(value)) if (!LEFT_OUT.has(name)) collect(part, `${at}.${name}`, found);
}
