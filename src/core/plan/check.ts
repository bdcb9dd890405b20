import { WishboneError } from '../errors.js';
import { binCount, stepCount, TENSOR_NAMES, type Plan, type PlanArrays } from './plan.js';
import { SegmentRole } from './tree.js';

/**
 * Checks every invariant of docs/formats.md.
 *
 * @param file named in the error
 * @throws WishboneError naming the first array that breaks one
 */
export function checkPlan(plan: Plan, file: string): void {
  new Checker(plan, file).check();
}

class Checker {
  readonly #plan: Plan;
  readonly #file: string;
  readonly #steps: number;
  readonly #bins: number;
  readonly #sequences: number;
  readonly #pairs: number;
  /** For each sequence, the bin its targets lie in, -1 before one is met. */
  readonly #binOfSequence: Int32Array;
  readonly #stepOfBin: Int32Array;

  constructor(plan: Plan, file: string) {
    this.#plan = plan;
    this.#file = file;
    this.#steps = stepCount(plan);
    this.#bins = binCount(plan);
    this.#sequences = plan.sequenceReference.length;
    this.#pairs = plan.pairRow.length;
    this.#binOfSequence = new Int32Array(this.#sequences).fill(-1);
    this.#stepOfBin = new Int32Array(Math.max(0, this.#bins));
  }

  check(): void {
    const plan = this.#plan;
    this.#starts('stepBinStart', this.#steps, this.#bins);
    this.#starts('stepPairStart', this.#steps, this.#pairs);
    this.#starts('binStart', this.#bins, plan.tokens.length);
    this.#starts('targetStart', this.#bins, plan.targetRow.length);
    this.#starts('segmentStart', this.#bins, plan.segmentBegin.length);
    this.#sameLength('tokens', 'position', 'visibleUntil');
    this.#sameLength('targetRow', 'targetToken', 'targetSequence');
    this.#sameLength('pairRow', 'pairChosen', 'pairRejected');
    this.#sameLength('segmentBegin', 'segmentEnd', 'segmentParent', 'segmentRole', 'segmentPair');
    if (plan.binFlops.length !== this.#bins) this.#fail('binFlops', `has ${plan.binFlops.length} elements for ${this.#bins} bins`);
    plan.binFlops.forEach((flops, bin) => {
      if (!Number.isFinite(flops) || flops < 0) this.#fail('binFlops', `bin ${bin} costs ${flops}`);
    });
    for (let bin = 0; bin < this.#bins; bin++) {
      if (plan.binStart[bin] === plan.binStart[bin + 1]) this.#fail('binStart', `bin ${bin} has no tokens`);
    }
    for (let bin = 0; bin < this.#bins; bin++) {
      this.#rows(bin);
      this.#targets(bin);
      this.#segments(bin);
    }
    this.#references();
    this.#stepsAndPairs();
    this.#sources();
  }

  #starts(name: keyof PlanArrays, count: number, end: number): void {
    const starts = this.#plan[name];
    if (count < 1) this.#fail(name, 'is empty');
    if (starts.length !== count + 1) this.#fail(name, `has ${starts.length} elements, not ${count + 1}`);
    if (starts[0] !== 0) this.#fail(name, 'does not begin at 0');
    for (let i = 1; i < starts.length; i++) {
      if ((starts[i] as number) < (starts[i - 1] as number)) this.#fail(name, `falls at element ${i}`);
    }
    if (starts[count] !== end) this.#fail(name, `ends at ${starts[count]}, not at ${end}`);
  }

  #sameLength(first: keyof PlanArrays, ...others: (keyof PlanArrays)[]): void {
    for (const other of others) {
      if (this.#plan[other].length !== this.#plan[first].length) {
        this.#fail(other, `has ${this.#plan[other].length} elements, but ${TENSOR_NAMES[first]} has ${this.#plan[first].length}`);
      }
    }
  }

  #rows(bin: number): void {
    const { tokens, position, visibleUntil, binStart, metadata } = this.#plan;
    const start = binStart[bin] as number;
    const length = (binStart[bin + 1] as number) - start;
    // Ends of the ranges around the row, innermost last: ranges nest when none reaches beyond the one around it.
    const around: number[] = [];
    for (let row = 0; row < length; row++) {
      const token = tokens[start + row] as number;
      const depth = position[start + row] as number;
      const until = visibleUntil[start + row] as number;
      if (token < 0 || token >= metadata.vocab_size) {
        this.#fail('tokens', `token ${token} of bin ${bin} is outside the vocabulary of ${metadata.vocab_size}`);
      }
      if (depth < 0 || depth > row) this.#fail('position', `row ${row} of bin ${bin} has depth ${depth}`);
      if (until <= row || until > length) this.#fail('visibleUntil', `row ${row} of bin ${bin} is visible until ${until}`);
      while (around.length > 0 && (around.at(-1) as number) <= row) around.pop();
      const outer = around.at(-1);
      if (outer !== undefined && until > outer) this.#fail('visibleUntil', `the range of row ${row} of bin ${bin} does not nest`);
      if (until !== outer) around.push(until);
    }
  }

  #targets(bin: number): void {
    const { targetStart, targetRow, targetToken, targetSequence, position, binStart, metadata } = this.#plan;
    const start = binStart[bin] as number;
    const length = (binStart[bin + 1] as number) - start;
    const first = targetStart[bin] as number;
    for (let i = first; i < (targetStart[bin + 1] as number); i++) {
      const row = targetRow[i] as number;
      const token = targetToken[i] as number;
      const sequence = targetSequence[i] as number;
      if (row < 0 || row >= length) this.#fail('targetRow', `row ${row} is outside bin ${bin} of ${length} tokens`);
      if (token < 0 || token >= metadata.vocab_size) {
        this.#fail('targetToken', `token ${token} is outside the vocabulary of ${metadata.vocab_size}`);
      }
      if (sequence < 0 || sequence >= this.#sequences) this.#fail('targetSequence', `there is no sequence ${sequence}`);
      if (i > first) {
        const before = targetSequence[i - 1] as number;
        const rises =
          before < sequence ||
          (before === sequence && (position[start + (targetRow[i - 1] as number)] as number) < (position[start + row] as number));
        if (!rises) this.#fail('targetSequence', `targets of bin ${bin} are not ordered by sequence, then by position`);
      }
      const known = this.#binOfSequence[sequence] as number;
      if (known !== -1 && known !== bin) this.#fail('targetSequence', `sequence ${sequence} lies in two bins`);
      this.#binOfSequence[sequence] = bin;
    }
  }

  #segments(bin: number): void {
    const { segmentStart, segmentBegin, segmentEnd, segmentParent, segmentRole, segmentPair, visibleUntil, binStart } = this.#plan;
    const start = binStart[bin] as number;
    const length = (binStart[bin + 1] as number) - start;
    const first = segmentStart[bin] as number;
    let covered = 0;
    for (let i = first; i < (segmentStart[bin + 1] as number); i++) {
      const begin = segmentBegin[i] as number;
      const end = segmentEnd[i] as number;
      const parent = segmentParent[i] as number;
      if (begin !== covered || end <= begin || end > length) {
        this.#fail('segmentBegin', `segments of bin ${bin} do not cover it in order`);
      }
      covered = end;
      if (parent < -1 || parent >= i - first) this.#fail('segmentParent', `segment ${i - first} of bin ${bin} has parent ${parent}`);
      if (parent >= 0 && (visibleUntil[start + (segmentBegin[first + parent] as number)] as number) < end) {
        this.#fail('segmentParent', `segment ${i - first} of bin ${bin} lies outside its parent's subtree`);
      }
      const role = segmentRole[i] as number;
      if (role < 0 || role > SegmentRole.common) this.#fail('segmentRole', `there is no role ${role}`);
      const pair = segmentPair[i] as number;
      if (pair < -1 || pair >= this.#pairs) this.#fail('segmentPair', `there is no pair ${pair}`);
    }
    if (covered !== length) this.#fail('segmentEnd', `segments of bin ${bin} do not cover it`);
  }

  #references(): void {
    this.#binOfSequence.forEach((bin, sequence) => {
      if (bin === -1) this.#fail('targetSequence', `sequence ${sequence} has no target`);
    });
    this.#plan.sequenceReference.forEach((key, sequence) => {
      if (key < 0 || key >= this.#sequences) this.#fail('sequenceReference', `sequence ${sequence} has key ${key}`);
    });
  }

  #stepsAndPairs(): void {
    const { stepBinStart, stepPairStart, pairChosen, pairRejected, pairRow } = this.#plan;
    for (let step = 0; step < this.#steps; step++) {
      this.#stepOfBin.fill(step, stepBinStart[step], stepBinStart[step + 1]);
    }
    for (let step = 0; step < this.#steps; step++) {
      if (stepPairStart[step] === stepPairStart[step + 1]) this.#fail('stepPairStart', `step ${step} has no pairs`);
      if (stepBinStart[step] === stepBinStart[step + 1]) this.#fail('stepBinStart', `step ${step} has no bins`);
      for (let pair = stepPairStart[step] as number; pair < (stepPairStart[step + 1] as number); pair++) {
        if ((pairRow[pair] as number) < 0) this.#fail('pairRow', `pair ${pair} has row ${pairRow[pair]}`);
        for (const [name, sequences] of [
          ['pairChosen', pairChosen],
          ['pairRejected', pairRejected],
        ] as const) {
          const sequence = sequences[pair] as number;
          if (sequence < 0 || sequence >= this.#sequences) this.#fail(name, `there is no sequence ${sequence}`);
          if (this.#stepOfBin[this.#binOfSequence[sequence] as number] !== step) {
            this.#fail(name, `sequence ${sequence} of pair ${pair} lies in another step than its pair`);
          }
        }
        if (pairChosen[pair] === pairRejected[pair]) this.#fail('pairChosen', `both sequences of pair ${pair} are one`);
      }
    }
  }

  #sources(): void {
    const { pairSource, metadata } = this.#plan;
    const { sources = [] } = metadata;
    if (pairSource === undefined && sources.length === 0) return;
    if (pairSource?.length !== this.#pairs) {
      this.#fail('pairSource', `has ${pairSource?.length ?? 'no'} elements for ${this.#pairs} pairs`);
    }
    pairSource.forEach((source, pair) => {
      if (source < 0 || source >= sources.length) this.#fail('pairSource', `pair ${pair} has no source ${source}`);
    });
  }

  #fail(name: keyof PlanArrays | 'pairSource', what: string): never {
    const tensor = name === 'pairSource' ? 'pair_source' : TENSOR_NAMES[name];
    throw new WishboneError(
      `${tensor} ${what}`,
      `${this.#file}, tensor "${tensor}"`,
      'the plan is damaged; make it again with `wishbone plan`',
    );
  }
}
