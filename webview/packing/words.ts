import type { BinTotals, PackingOverview } from '../../src/core/inspect/index.js';
import { lastAtMost, MASK_ROLES } from '../../src/core/mask/index.js';
import { formatCount, formatPercent, formatRatio, plural } from '../../src/format.js';
import type { PlanHeader, PlanSide } from '../../src/protocol/plan.js';
import { type Figure, SIDE_TITLES } from '../plan/figures.js';
import { ROLE_WORDS } from '../ui/roles.js';
import type { Segment } from './segments.js';
import { binTokens } from './slots.js';

export function packingFigures(overview: PackingOverview, { capacity }: PlanHeader): Figure[] {
  const both = (label: string, title: string, value: (totals: BinTotals) => string): Figure => ({
    label,
    title,
    naive: value(overview.naive),
    shared: value(overview.shared),
  });
  const tokens = (totals: BinTotals): number => totals.roleTokens.reduce((sum, count) => sum + count, 0);
  const bins = (totals: BinTotals): number => totals.stepStart.at(-1)!;
  const fill = (totals: BinTotals): number => tokens(totals) / (bins(totals) * capacity);
  return [
    both('Bins', 'Rows of tokens that go through the model', (totals) => formatCount(bins(totals))),
    both('Tokens', 'Tokens that go through the model', (totals) => formatCount(tokens(totals))),
    both('Fill', 'Average share of the capacity that a bin uses', (totals) => formatPercent(fill(totals))),
    both(
      'Unused',
      'Unused capacity of all bins. Nothing is padded, so it is not computed either',
      (totals) => `${formatPercent(1 - fill(totals))} (${formatCount(bins(totals) * capacity - tokens(totals))} tokens)`,
    ),
    both('Prompt tokens', 'Tokens that are not scored', ({ roleTokens }) => {
      let prompt = 0;
      for (let at = 0; at < roleTokens.length; at += MASK_ROLES.length) prompt += roleTokens[at]!;
      return formatCount(prompt);
    }),
  ];
}

/** What sharing saves over the whole plan. */
export function packingSaving({ shared, naive, cost }: PackingOverview): string {
  const bins = (totals: BinTotals): number => totals.stepStart.at(-1)!;
  const fewer = `${plural(bins(naive), 'bin')} become ${formatCount(bins(shared))}`;
  if (cost === null) return `${fewer}.`;
  return (
    `${fewer} (the tokens need at least ${formatCount(cost.binsLowerBound)}). ` +
    `${formatRatio(cost.flopsRatio)} fewer FLOPs. Predicted speedup: ${formatRatio(cost.predictedSpeedup)} over naive ` +
    `pairing with packing, ${formatRatio(cost.predictedSpeedupUnpacked)} without.`
  );
}

/** A bin for people: `Shared, bin 2 of step 14: 8,011 of 8,192 tokens, 98% full.` */
export function binWords(side: PlanSide, totals: BinTotals, bin: number, capacity: number): string {
  const step = lastAtMost(totals.stepStart, bin);
  const inStep = bin - totals.stepStart[step]! + 1;
  const bins = totals.stepStart[step + 1]! - totals.stepStart[step]!;
  const tokens = binTokens({ ...totals, roleTokens: totals.roleTokens.subarray(4 * bin, 4 * bin + 4) })[0]!;
  return (
    `${SIDE_TITLES[side]}, step ${formatCount(step + 1)}, bin ${formatCount(inStep)} of ${formatCount(bins)}: ` +
    `${formatCount(tokens)} of ${formatCount(capacity)} tokens, ${formatPercent(tokens / capacity)} full.`
  );
}

export function segmentWords({ length, role, row }: Segment): string {
  const what = ROLE_WORDS[MASK_ROLES[role]!];
  return `${row < 0 ? `${what}: several rows` : `${what} of row ${formatCount(row + 1)}`}, ${plural(length, 'token')}.`;
}
