import type { BinView } from '../../src/core/inspect/index.js';
import {
  causalCells,
  type Explanation,
  MASK_ROLES,
  type MaskLayout,
  type MaskRole,
  TileKind,
  type TileMap,
  visibleCells,
} from '../../src/core/mask/index.js';
import { formatCount, formatPercent, formatRate, formatRatio } from '../../src/format.js';
import type { PlanSide } from '../../src/protocol/plan.js';
import type { Figure } from '../plan/figures.js';
import { visibleText } from './scene.js';

/** One token for people. */
export interface TokenWords {
  readonly row: number;
  readonly text: string | undefined;
  readonly id: number;
}

/** What a segment holds, and whose: `chosen response of row 17`; rows count from 1 for people. */
export function segmentWords(layout: MaskLayout, segment: number): string {
  const role = MASK_ROLES[layout.segmentRole[segment]!]!;
  const row = layout.segmentRow[segment]!;
  return row < 0 ? `${ROLES[role]} of several pairs` : `${ROLES[role]} of row ${formatCount(row + 1)}`;
}

const ROLES: Readonly<Record<MaskRole, string>> = {
  prompt: 'prompt',
  chosen: 'chosen response',
  rejected: 'rejected response',
  common: 'common part',
};

export function tokenWords({ row, text, id }: TokenWords): string {
  return text === undefined ? `token ${formatCount(row)} (id ${id})` : `token ${formatCount(row)} “${visibleText(text)}”`;
}

/** Why a token may look at another, or why not, in one sentence. */
export function reasonWords(layout: MaskLayout, { reason, querySegment, keySegment, commonSegment }: Explanation): string {
  const [query, key] = [segmentWords(layout, querySegment), segmentWords(layout, keySegment)];
  switch (reason) {
    case 'self':
      return 'Every token sees itself.';
    case 'same-segment':
      return `Both are in the ${query}, and the token looked at comes earlier.`;
    case 'ancestor':
      return `The ${key} is an ancestor: the ${query} continues it.`;
    case 'later':
      return 'The token is on the same path but comes later: no token sees what follows it.';
    case 'sibling':
      return `Sibling branches: both continue the ${segmentWords(layout, commonSegment)}, but split there.`;
    case 'other-tree':
      return `Another tree: the ${key} has nothing in common with the ${query}.`;
    case 'other-bin':
      return 'Another bin: the two are computed separately.';
  }
}

export const TILE_WORDS: Readonly<Record<TileKind, string>> = {
  [TileKind.above]: 'above the diagonal: never computed',
  [TileKind.skipped]: 'skipped: no cell of it is visible',
  [TileKind.partial]: 'partial: computed, then masked cell by cell',
  [TileKind.full]: 'full: computed without a mask',
};

/** What a bin comes to. */
export function figuresOf(
  sides: Readonly<Record<PlanSide, { readonly layout: MaskLayout; readonly tiles: TileMap }>>,
  cost: BinView['cost'],
): Figure[] {
  const both = (label: string, title: string, value: (side: (typeof sides)['shared'], name: PlanSide) => string): Figure => ({
    label,
    title,
    shared: value(sides.shared, 'shared'),
    naive: value(sides.naive, 'naive'),
  });
  const below = ({ full, partial, skipped }: TileMap): number => full + partial + skipped;
  const computed = ({ full, partial, tile }: TileMap): number => (full + partial) * tile * tile;
  return [
    both('Tokens', 'Tokens that go through the model', ({ layout }) => formatCount(layout.tokens.length)),
    both('Density', 'Share of the cells on and below the diagonal that are visible', ({ layout }) =>
      formatPercent(visibleCells(layout) / causalCells(layout)),
    ),
    both(
      'Tiles skipped',
      'Out of the 128 × 128 tiles on and below the diagonal',
      ({ tiles }) => `${formatPercent(tiles.skipped / below(tiles))} of ${formatCount(below(tiles))}`,
    ),
    both('Full tiles', 'Computed without a mask', ({ tiles }) => formatCount(tiles.full)),
    both('Partial tiles', 'Computed, then masked cell by cell', ({ tiles }) => formatCount(tiles.partial)),
    both('Tile use', 'Share of the cells in computed tiles that are visible', ({ layout, tiles }) =>
      formatPercent(visibleCells(layout) / computed(tiles)),
    ),
    both('FLOPs', 'Required for one forward pass over these sequences', (_, side) => formatRate(cost?.[side].flops)),
  ];
}

/** What sharing saves on a bin. */
export function savingWords(tokens: Readonly<Record<PlanSide, number>>, cost: BinView['cost']): string {
  const saved = `Sharing saves ${formatPercent(1 - tokens.shared / tokens.naive)} of the tokens`;
  if (cost === null) return `${saved}.`;
  const { shared, naive } = cost;
  return (
    `${saved} and ${formatPercent(1 - shared.flops / naive.flops)} of the FLOPs; ` +
    `predicted speedup of this bin: ${formatRatio(naive.seconds / shared.seconds)}.`
  );
}
