import type { StepCost } from '../cost/index.js';
import type { BinView } from './bin-view.js';
import type { Histogram } from './histogram.js';
import type { PackedBins } from './packed.js';
import type { PlanSource } from './source.js';

/** What is known of a plan once it is open. */
export interface PlanInfo {
  /** The run's name, or the dataset's. */
  readonly name: string;
  /** What people call the dataset. */
  readonly datasetName: string;
  /** Absolute path; of several files the first. */
  readonly dataset: string;
  /** Absolute path. */
  readonly model: string;
  readonly sharing: 'none' | 'pair' | 'tree';
  readonly capacity: number;
  readonly epochs: number;
  /** [S+1] bins of step s */
  readonly stepStart: Int32Array;
  /** Of the distinct pairs. */
  readonly pairs: number;
  readonly naiveTokens: number;
  readonly planTokens: number;
  /** Why FLOPs cannot be counted; null when they can. */
  readonly noFlops: string | null;
  /** Why tokens cannot be shown as text; null when they can. */
  readonly noText: string | null;
}

/** The segments of a path with their text; the one with the token itself is in three parts. */
export interface PathPiece {
  readonly role: number;
  readonly text: string;
  /** `before` the token on its path, the `token` itself, `after` it in its segment. */
  readonly part: 'before' | 'token' | 'after';
}

/** What became of the dataset since the plan was made. */
export type DatasetState = 'same' | 'changed' | 'missing';

export interface PackingOverview {
  readonly shared: BinTotals;
  readonly naive: BinTotals;
  readonly histogram: Histogram;
  /** Null when the model's shape is not known. */
  readonly cost: PlanCost | null;
}

/** What sharing saves of the whole plan. */
export type PlanCost = Pick<StepCost, 'binsLowerBound' | 'flopsRatio' | 'predictedSpeedup' | 'predictedSpeedupUnpacked'>;

export interface BinTotals {
  /** [S+1] bins of step s */
  readonly stepStart: Int32Array;
  /** [4·B] tokens of each bin by role */
  readonly roleTokens: Int32Array;
}

/** Some bins, and whose pairs they hold. */
export interface PackedSlice extends PackedBins {
  /** [G] 0-based row of the dataset, -1 when several pairs' sequences go through the segment */
  readonly segmentRow: Int32Array;
}

/** Which of the two plans of the same pairs is meant. */
export type PlanSide = 'shared' | 'naive';

/** What an inspector can be asked. */
export interface InspectCalls {
  /** Comes first. */
  open(source: PlanSource): PlanInfo;
  bin(bin: number): BinView;
  /** Texts of the tokens of rows [from, to). */
  texts(range: { bin: number; side: PlanSide; from: number; to: number }): string[];
  path(token: { bin: number; side: PlanSide; row: number }): PathPiece[];
  packing(nothing: null): PackingOverview;
  packed(range: { side: PlanSide; from: number; to: number }): PackedSlice;
  /** The first bin that holds a pair of a row of the dataset; -1 for none. */
  binOfRow(row: number): number;
  /** Line of the dataset at which a row begins, from 1; null in files without lines or when there is no such row. */
  lineOfRow(row: number): number | null;
  datasetState(nothing: null): DatasetState;
}
