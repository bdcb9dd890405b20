import type { StepCost } from '../cost/index.js';
import type { ExitCode } from '../errors.js';
import type { Progress } from '../progress.js';
import type { BinView } from './bin-view.js';
import type { Histogram } from './histogram.js';
import type { PackedBins } from './packed.js';
import type { PlanSource } from './source.js';

/** What is known of a plan once it is open. */
export interface PlanInfo {
  /** The run's name, or that of the dataset's file. */
  readonly name: string;
  /** Absolute path. */
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
export type PlanCost = Pick<
  StepCost,
  'binsLowerBound' | 'flopsRatio' | 'predictedSpeedup' | 'predictedSpeedupUnpacked'
>;

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

/** What can be asked of an inspector: argument and answer. */
export interface InspectCalls {
  open: [source: PlanSource, info: PlanInfo];
  bin: [bin: number, view: BinView];
  /** Texts of the tokens of rows [from, to). */
  texts: [range: { bin: number; side: PlanSide; from: number; to: number }, texts: string[]];
  path: [token: { bin: number; side: PlanSide; row: number }, pieces: PathPiece[]];
  packing: [nothing: null, overview: PackingOverview];
  packed: [range: { side: PlanSide; from: number; to: number }, slice: PackedSlice];
  /** The first bin that holds a pair of a row of the dataset; -1 for none. */
  binOfRow: [row: number, bin: number];
  /** Line of the dataset at which a row begins, from 1; null in files without lines or when there is no such row. */
  lineOfRow: [row: number, line: number | null];
  datasetState: [nothing: null, state: DatasetState];
}

export type InspectMethod = keyof InspectCalls;

export interface InspectRequest<M extends InspectMethod = InspectMethod> {
  readonly id: number;
  readonly method: M;
  readonly argument: InspectCalls[M][0];
}

export type InspectReply =
  | { readonly id: number; readonly type: 'answer'; readonly answer: unknown }
  | { readonly id: number; readonly type: 'progress'; readonly progress: Progress }
  | {
      readonly id: number;
      readonly type: 'bad';
      readonly what: string;
      readonly where: string;
      readonly advice: string;
      readonly exitCode: ExitCode;
    }
  /** A fault of ours. */
  | { readonly id: number; readonly type: 'fault'; readonly message: string; readonly stack: string };
