import path from 'node:path';
import { WishboneError } from '../errors.js';
import { readPlanPairs } from '../plan/index.js';
import { EVAL_PLAN_FILE, PLAN_FILE } from '../run/folder.js';
import type { RunConfig } from '../run/index.js';
import { type FilePlace, placeOfFile } from './file-place.js';
import { pairsByRow, samePairs } from './gather.js';
import { PAIR_RECORD_FILE, PAIR_VALUES, PairRecord } from './record.js';
import { NO_RECORD_ADVICE, type PairsOf, startsAtReference } from './table.js';

/** Margins of a run's pairs in columns, however many there are: by row, pairs of one row in the order in which the row makes them. */
export interface RowMargins {
  /** 0-based row of the dataset, counted through its files; rising, equal for several pairs of a row. */
  readonly row: Int32Array;
  /** Margin before training, where that is known to be 0, else when the pair was first seen; NaN: no number. */
  readonly start: Float32Array;
  /** When it was last seen. */
  readonly now: Float32Array;
  /** Steps done when it was last seen. */
  readonly step: Int32Array;
  /** How often it was trained on, or evaluated. */
  readonly seen: Int32Array;
  /** A pair that was seen once has a change. */
  readonly startsAtZero: boolean;
}

/**
 * The margins of all pairs that a run has trained on, or evaluated.
 *
 * @param folder of the run
 * @throws WishboneError when the run has no record, or it is not of the run's plan
 */
async function readMargins(folder: string, config: RunConfig, of: PairsOf): Promise<RowMargins> {
  const file = path.join(folder, PAIR_RECORD_FILE);
  const record = await PairRecord.open(file);
  if (record === undefined) throw new WishboneError('the run has no record of its pairs', file, NO_RECORD_ADVICE);
  try {
    const plan = await readPlanPairs(path.join(folder, of === 'train' ? PLAN_FILE : EVAL_PLAN_FILE));
    const pairs = plan.pairRow.length;
    const same = samePairs(plan);
    const startsAtZero = startsAtReference(config);
    const [seen, step] = [new Int32Array(pairs), new Int32Array(pairs)];
    const [start, now] = [new Float32Array(pairs), new Float32Array(pairs)];
    const kind = of === 'train' ? 'step' : 'evaluation';
    for await (const block of record.blocks((head) => head.kind === kind)) {
      if (block.first + block.count > pairs) {
        throw new WishboneError('the record is of other pairs than the plan', file, 'restore the files of the run as they were');
      }
      for (let i = 0; i < block.count; i++) {
        const pair = same[block.first + i]!;
        const margin = block.values[i * PAIR_VALUES + 2]!;
        if (seen[pair]!++ === 0) start[pair] = startsAtZero ? 0 : margin;
        now[pair] = margin;
        step[pair] = block.step;
      }
    }
    const order = pairsByRow(plan, same);
    return {
      row: order.map((pair) => plan.pairRow[pair]!),
      start: Float32Array.from(order, (pair) => start[pair]!),
      now: Float32Array.from(order, (pair) => now[pair]!),
      step: order.map((pair) => step[pair]!),
      seen: order.map((pair) => seen[pair]!),
      startsAtZero,
    };
  } finally {
    await record.close();
  }
}

/** A run's margins of the rows of one file, of what it trains on and what it evaluates of it. */
export interface FileMargins {
  readonly name: string;
  readonly parts: readonly (RowMargins & FilePlace)[];
}

/** @throws WishboneError as {@link readMargins}; when the run does not use the file */
export async function readFileMargins(folder: string, config: RunConfig, file: string): Promise<FileMargins> {
  const parts: (RowMargins & FilePlace)[] = [];
  for (const of of ['train', 'evaluation'] as const) {
    const place = placeOfFile(of === 'train' ? config.dataset : config.eval_dataset, file);
    if (place !== undefined) parts.push({ ...(await readMargins(folder, config, of)), ...place });
  }
  if (parts.length === 0) {
    throw new WishboneError(`the run ${config.name} has no pairs of this file`, file, 'choose a run of this dataset');
  }
  return { name: config.name, parts };
}
