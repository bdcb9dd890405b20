import { access } from 'node:fs/promises';
import path from 'node:path';

import { planCost } from '../cost/index.js';
import { lineOfRow } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import type { LlamaShape } from '../model/flops.js';
import { inspectModel } from '../model/index.js';
import { binCount, type Plan, readPlan } from '../plan/index.js';
import { obtainPlan } from '../prepare/index.js';
import type { WorkOptions } from '../work/progress.js';
import type { DatasetFileReference } from '../run/config.js';
import { datasetName, PLAN_FILE, readRun } from '../run/index.js';
import { ModelTokenizer } from '../tokenizer/index.js';
import { type BinView, viewBin } from './bin-view.js';
import { fileHash } from '../files/file-hash.js';
import { lengthHistogram } from './histogram.js';
import type { DatasetState, PackedSlice, PackingOverview, PathPiece, PlanCost, PlanInfo, PlanSide } from './messages.js';
import { type PackedBins, packedBins, packedNaively, roleTokens, sequenceLengths, type SequenceLengths, sliceBins } from './packed.js';
import { PairOfSequence } from './sequences.js';
import type { PlanSource } from './source.js';
import { pathPieces, tokenText } from './texts.js';

/** A plan being looked at: everything the views show comes from here. Nothing is written. */
export class InspectedPlan {
  readonly #files: readonly DatasetFileReference[];
  readonly #owners: PairOfSequence;
  #lastView: BinView | undefined;
  #lengths: SequenceLengths | undefined;
  readonly #packed = new Map<PlanSide, PackedBins>();

  private constructor(
    readonly info: PlanInfo,
    readonly plan: Plan,
    readonly shape: LlamaShape | undefined,
    readonly tokenizer: ModelTokenizer | undefined,
    /** The dataset's; may be empty when it is one that is taken as it is. */
    files: readonly DatasetFileReference[],
  ) {
    this.#files = files;
    this.#owners = new PairOfSequence(plan);
  }

  /**
   * Reads the plan of a run, or makes one for a dataset. A model folder that is gone costs texts and FLOPs only.
   *
   * @throws WishboneError when there is no plan to look at
   */
  static async open(source: PlanSource, work: WorkOptions = {}): Promise<InspectedPlan> {
    const { plan, files, ...names } = await planOf(source, work);
    const [shape, noFlops] = await attempt(async () => (await inspectModel(names.model)).config);
    const [tokenizer, noText] = await attempt(() => ModelTokenizer.load(names.model));
    const { sharing, capacity, epochs, counts } = plan.metadata;
    const info: PlanInfo = {
      ...names,
      sharing,
      capacity,
      epochs,
      stepStart: plan.stepBinStart,
      pairs: counts.pairs,
      naiveTokens: counts.naive_tokens,
      planTokens: counts.plan_tokens,
      noFlops,
      noText,
    };
    return new InspectedPlan(info, plan, shape, tokenizer, files);
  }

  async bin(bin: number): Promise<BinView> {
    if (this.#lastView?.bin === bin) return this.#lastView;
    if (bin < 0 || bin >= binCount(this.plan)) throw new RangeError(`there is no bin ${bin}`);
    return (this.#lastView = await viewBin(this.plan, this.#owners, bin, this.shape));
  }

  async texts(bin: number, side: PlanSide, from: number, to: number): Promise<string[]> {
    const { tokenizer } = this;
    if (tokenizer === undefined) return [];
    return Array.from((await this.bin(bin))[side].tokens.subarray(from, to), (id) => tokenText(tokenizer, id));
  }

  async path(bin: number, side: PlanSide, row: number): Promise<PathPiece[]> {
    const layout = (await this.bin(bin))[side];
    if (this.tokenizer === undefined || row < 0 || row >= layout.tokens.length) return [];
    return pathPieces(layout, row, this.tokenizer);
  }

  async packing(): Promise<PackingOverview> {
    const totals = async (side: PlanSide) => {
      const bins = await this.#bins(side);
      return { stepStart: bins.stepStart, roleTokens: roleTokens(bins) };
    };
    return {
      shared: await totals('shared'),
      naive: await totals('naive'),
      histogram: lengthHistogram(this.plan, this.#sequenceLengths()),
      cost: this.shape === undefined ? null : costOf(this.plan, this.shape),
    };
  }

  async packed(side: PlanSide, from: number, to: number): Promise<PackedSlice> {
    const bins = await this.#bins(side);
    const last = Math.min(to, bins.segmentStart.length - 1);
    const slice = sliceBins(bins, Math.min(from, last), last);
    return {
      ...slice,
      segmentRow: slice.segmentPair.map((pair) => (pair < 0 ? -1 : this.plan.pairRow[pair]!)),
    };
  }

  binOfRow(row: number): number {
    const pair = this.plan.pairRow.indexOf(row);
    if (pair < 0) return -1;
    const chosen = this.plan.pairChosen[pair]!;
    const target = this.plan.targetSequence.indexOf(chosen);
    let bin = 0;
    while (this.plan.targetStart[bin + 1]! <= target) bin++;
    return bin;
  }

  /** @throws WishboneError when the dataset cannot be read up to the row */
  async lineOfRow(row: number): Promise<number | null> {
    // Rows are counted through all files; the plan's first one is the one it is known by.
    const [first] = this.#files;
    if (first !== undefined && row >= first.rows) return null;
    return (await lineOfRow(this.info.dataset, row)) ?? null;
  }

  async datasetState(): Promise<DatasetState> {
    const { dataset } = this.info;
    const files = this.#files.length > 0 ? this.#files : [{ path: dataset, sha256: this.plan.metadata.sha256.dataset }];
    for (const { path: file, sha256 } of files) {
      const there = await access(file).then(
        () => true,
        () => false,
      );
      if (!there) return 'missing';
      if ((await fileHash(file)) !== sha256) return 'changed';
    }
    return 'same';
  }

  #sequenceLengths(): SequenceLengths {
    return (this.#lengths ??= sequenceLengths(this.plan));
  }

  async #bins(side: PlanSide): Promise<PackedBins> {
    let bins = this.#packed.get(side);
    if (bins === undefined) {
      bins = side === 'shared' ? packedBins(this.plan) : await packedNaively(this.plan, this.#owners, this.#sequenceLengths());
      this.#packed.set(side, bins);
    }
    return bins;
  }
}

function costOf(plan: Plan, shape: LlamaShape): PlanCost {
  const { binsLowerBound, flopsRatio, predictedSpeedup, predictedSpeedupUnpacked } = planCost(plan, shape);
  return { binsLowerBound, flopsRatio, predictedSpeedup, predictedSpeedupUnpacked };
}

async function planOf(
  source: PlanSource,
  work: WorkOptions,
): Promise<
  Pick<PlanInfo, 'name' | 'datasetName' | 'dataset' | 'model'> & { readonly files: readonly DatasetFileReference[]; readonly plan: Plan }
> {
  if (source.kind === 'dataset') {
    const planned = await obtainPlan(source, work, { files: true });
    const dataset = planned.reference.path;
    const files = planned.summary.files.map((file) => ({ ...file, format: file.form }));
    const name = datasetName(planned.reference);
    return { name, datasetName: name, dataset, files, model: planned.model.folder, plan: await planned.plan() };
  }
  const { folder, config } = await readRun(source.folder);
  return {
    name: config.name,
    datasetName: datasetName(config.dataset),
    dataset: config.dataset.path,
    files: config.dataset.files ?? [],
    model: path.resolve(folder, config.model.path),
    plan: await readPlan(path.join(folder, PLAN_FILE)),
  };
}

/** What the work makes, or in words why it cannot. */
async function attempt<T>(work: () => Promise<T>): Promise<[made: T, problem: null] | [made: undefined, problem: string]> {
  try {
    return [await work(), null];
  } catch (error) {
    if (error instanceof WishboneError) return [undefined, `${error.what} (${error.where})`];
    throw error;
  }
}
