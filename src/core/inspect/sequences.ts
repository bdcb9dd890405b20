import { WishboneError } from '../errors.js';
import { lastAtMost } from '../mask/index.js';
import type { Plan } from '../plan/index.js';

/** A sequence of a bin: a whole prompt with one response, as the model would see it alone. */
export interface PlannedSequence {
  /** The plan's number of the sequence. */
  readonly sequence: number;
  /** The plan's number of the pair it belongs to. */
  readonly pair: number;
  readonly side: 'chosen' | 'rejected';
  /** Tokens [0, promptLength) are not scored. */
  readonly promptLength: number;
  /** Bin-local row of each of its tokens, rising. */
  readonly rows: Int32Array;
}

/** Which pair each sequence of a plan belongs to, and on which side: index into `pairRow`, then the side. */
export class PairOfSequence {
  readonly #pairs: Int32Array;
  readonly #rejected: Uint8Array;

  constructor({ sequenceReference, pairChosen, pairRejected }: Plan) {
    this.#pairs = new Int32Array(sequenceReference.length).fill(-1);
    this.#rejected = new Uint8Array(sequenceReference.length);
    // From the last pair on, so that of several pairs with one sequence the first is told.
    for (let pair = pairChosen.length - 1; pair >= 0; pair--) {
      this.#pairs[pairChosen[pair]!] = pair;
      this.#rejected[pairChosen[pair]!] = 0;
      this.#pairs[pairRejected[pair]!] = pair;
      this.#rejected[pairRejected[pair]!] = 1;
    }
  }

  pair(sequence: number): number {
    return this.#pairs[sequence]!;
  }

  side(sequence: number): 'chosen' | 'rejected' {
    return this.#rejected[sequence] === 1 ? 'rejected' : 'chosen';
  }
}

/**
 * The sequences of a bin, told by the plan alone: a sequence's first target lies on its prompt's last token, its last
 * target scores its last token, and the tokens between are those of its path.
 *
 * @throws WishboneError when a target's token is not where the segments say
 */
export function sequencesOf(plan: Plan, owners: PairOfSequence, bin: number): PlannedSequence[] {
  const { targetStart, targetSequence } = plan;
  const path = new PathReader(plan, bin);
  const sequences: PlannedSequence[] = [];
  const end = targetStart[bin + 1]!;
  for (let first = targetStart[bin]!; first < end; ) {
    const sequence = targetSequence[first]!;
    let next = first + 1;
    while (next < end && targetSequence[next] === sequence) next++;
    sequences.push({
      sequence,
      pair: owners.pair(sequence),
      side: owners.side(sequence),
      promptLength: path.depth(plan.targetRow[first]!) + 1,
      rows: path.rows(plan.targetRow[next - 1]!, plan.targetToken[next - 1]!),
    });
    first = next;
  }
  return sequences;
}

class PathReader {
  readonly #plan: Plan;
  readonly #bin: number;
  readonly #start: number;
  readonly #begins: Int32Array;
  readonly #firstSegment: number;

  constructor(plan: Plan, bin: number) {
    this.#plan = plan;
    this.#bin = bin;
    this.#start = plan.binStart[bin]!;
    this.#firstSegment = plan.segmentStart[bin]!;
    this.#begins = plan.segmentBegin.subarray(this.#firstSegment, plan.segmentStart[bin + 1]);
  }

  depth(row: number): number {
    return this.#plan.position[this.#start + row]!;
  }

  /** The path that ends with the token that `lastRow` predicts. */
  rows(lastRow: number, lastToken: number): Int32Array {
    const leaf = this.#following(lastRow, lastToken);
    const rows = new Int32Array(this.depth(leaf) + 1);
    let filled = rows.length;
    let last = leaf;
    for (let segment = lastAtMost(this.#begins, leaf); segment >= 0; ) {
      const begin = this.#begins[segment]!;
      for (let row = last; row >= begin; row--) {
        if (filled === 0) throw this.#damaged(leaf);
        rows[--filled] = row;
      }
      segment = this.#plan.segmentParent[this.#firstSegment + segment]!;
      if (segment >= 0) last = this.#plan.segmentEnd[this.#firstSegment + segment]! - 1;
    }
    if (filled !== 0) throw this.#damaged(leaf);
    return rows;
  }

  /** The row of the token that follows a row on a path: the next of its segment, or the first of a segment's child. */
  #following(row: number, token: number): number {
    const segment = lastAtMost(this.#begins, row);
    const isToken = (candidate: number): boolean => this.#plan.tokens[this.#start + candidate] === token;
    if (row + 1 < this.#plan.segmentEnd[this.#firstSegment + segment]!) {
      if (isToken(row + 1)) return row + 1;
      throw this.#damaged(row);
    }
    for (let child = segment + 1; child < this.#begins.length; child++) {
      if (this.#plan.segmentParent[this.#firstSegment + child] !== segment) continue;
      if (isToken(this.#begins[child]!)) return this.#begins[child]!;
    }
    throw this.#damaged(row);
  }

  #damaged(row: number): WishboneError {
    return new WishboneError(
      'the segments of the plan do not lead to the tokens that are scored',
      `bin ${this.#bin}, row ${row}`,
      'make the plan again',
    );
  }
}
