import { MASK_ROLES, type MaskLayout } from '../mask/index.js';
import { pack } from '../plan/pack.js';
import type { PlannedSequence } from './sequences.js';

/** What decides where a sequence goes. */
export interface SequenceSize {
  readonly pair: number;
  readonly tokens: number;
}

/**
 * Divides sequences among bins as naive pairing does: both sequences of a pair in one bin where they fit, each with its
 * own prompt, packed into as few bins as a plan's.
 *
 * @returns for each bin the indices of its sequences, in order
 */
export async function packNaively(sequences: readonly SequenceSize[], capacity: number): Promise<number[][]> {
  const byPair = new Map<number, number[]>();
  for (const [index, { pair }] of sequences.entries()) {
    const members = byPair.get(pair);
    if (members === undefined) byPair.set(pair, [index]);
    else members.push(index);
  }
  const length = (members: readonly number[]): number => members.reduce((sum, index) => sum + sequences[index]!.tokens, 0);
  // A shared prompt makes pairs fit into a bin that would not fit twice; then each sequence goes alone.
  const units = [...byPair.values()].flatMap((members) => (length(members) <= capacity ? [members] : members.map((index) => [index])));
  const sized = units.map((members) => ({ tokens: length(members), time: 0 }));
  const bins = await pack(sized, capacity, () => Promise.resolve());
  return bins.map((bin) => bin.flatMap((unit) => units[unit]!));
}

export interface NaiveLayout {
  readonly layout: MaskLayout;
  /** [N] the row of the shared layout that holds the same token of the same path */
  readonly sharedRow: Int32Array;
}

/** The same sequences without sharing: every one its own tree, in as many bins as they need, one block a bin. */
export async function layOutNaively(
  sequences: readonly PlannedSequence[],
  shared: MaskLayout,
  { capacity, rowOfPair }: { readonly capacity: number; readonly rowOfPair: (pair: number) => number },
): Promise<NaiveLayout> {
  const bins = await packNaively(
    sequences.map(({ pair, rows }) => ({ pair, tokens: rows.length })),
    capacity,
  );
  const total = sequences.reduce((sum, { rows }) => sum + rows.length, 0);
  const blockStart = new Int32Array(bins.length + 1);
  const sharedRow = new Int32Array(total);
  const position = new Int32Array(total);
  const visibleUntil = new Int32Array(total);
  const segments: { begin: number; end: number; parent: number; role: number; row: number }[] = [];
  let at = 0;
  bins.forEach((bin, block) => {
    for (const index of bin) {
      const { rows, pair, side, promptLength } = sequences[index]!;
      const end = at + rows.length;
      const row = rowOfPair(pair);
      sharedRow.set(rows, at);
      for (let depth = 0; depth < rows.length; depth++) position[at + depth] = depth;
      visibleUntil.fill(end, at, end);
      segments.push({ begin: at, end: at + promptLength, parent: -1, role: 0, row });
      segments.push({
        begin: at + promptLength,
        end,
        parent: segments.length - 1,
        role: MASK_ROLES.indexOf(side),
        row,
      });
      at = end;
    }
    blockStart[block + 1] = at;
  });
  const column = (value: (segment: (typeof segments)[number]) => number): Int32Array => Int32Array.from(segments, value);
  return {
    sharedRow,
    layout: {
      blockStart,
      tokens: Int32Array.from(sharedRow, (row) => shared.tokens[row]!),
      position,
      visibleUntil,
      segmentBegin: column(({ begin }) => begin),
      segmentEnd: column(({ end }) => end),
      segmentParent: column(({ parent }) => parent),
      segmentRole: column(({ role }) => role),
      segmentRow: column(({ row }) => row),
    },
  };
}
