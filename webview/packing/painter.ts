import { MASK_ROLES } from '../../src/core/mask/index.js';
import { formatCount } from '../../src/format.js';
import type { PlanSide } from '../../src/protocol/plan.js';
import { roleColors } from '../ui/roles.js';
import { type Theme, withAlpha } from '../ui/theme.js';
import type { BinSegments, Segment } from './segments.js';
import type { Slots, SlotView } from './slots.js';

/** CSS pixels around the plot. */
export const LEFT = 64;
export const TOP = 8;
export const BOTTOM = 20;

/** From this width on, a bin's segments are drawn one by one; below it only its tokens by role. */
const DETAIL = 7;
/** From the bottom of a stack up: what a bin holds for the longest comes first. */
const ROLE_ORDER = [0, 3, 1, 2];
/** Pixels between two step numbers. */
const STEP_DISTANCE = 64;

/** A bin, and in it a segment where those are known. */
export interface Spot {
  readonly side: PlanSide;
  readonly bin: number;
  readonly segment: number | undefined;
}

export interface StackScene {
  readonly side: PlanSide;
  readonly slots: Slots;
  readonly view: SlotView;
  /** [4·B] tokens of each bin by role */
  readonly roleTokens: Int32Array;
  readonly segments: BinSegments;
  /** Most tokens of a bin. */
  readonly capacity: number;
  readonly theme: Theme;
  /** The whole canvas. */
  readonly width: number;
  readonly height: number;
  readonly selected: Spot | undefined;
  /** Row of the dataset that is looked at, on either side; -1 for none. */
  readonly row: number;
}

/** Pixels a token is high. */
export function tokenHeight({ height, capacity }: Pick<StackScene, 'height' | 'capacity'>): number {
  return (height - TOP - BOTTOM) / capacity;
}

export function paintStacks(context: CanvasRenderingContext2D, scene: StackScene): void {
  const { width, height, theme, slots, view, side } = scene;
  context.fillStyle = theme.background;
  context.fillRect(0, 0, width, height);
  paintScale(context, scene);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT, height);
  context.clip();
  const [from, to] = slotsInView(scene);
  if (view.scale < 1) paintPixels(context, scene, from, to);
  else {
    for (let slot = from; slot < to; slot++) {
      const bin = slots.bins[side][slot]!;
      if (bin >= 0) paintBin(context, scene, slot, bin);
    }
  }
  paintSteps(context, scene);
  paintSelected(context, scene);
  context.restore();
}

function slotsInView({ view, width, slots }: StackScene): [from: number, to: number] {
  return [Math.max(0, Math.floor(view.left)), Math.min(slots.count, Math.ceil(view.left + (width - LEFT) / view.scale))];
}

/** Left edge and width of a bin's stack. */
function column({ view }: StackScene, slot: number): [x: number, width: number] {
  const gap = view.scale >= 4 ? Math.min(8, view.scale * 0.14) : 0;
  return [LEFT + (slot - view.left) * view.scale + gap / 2, view.scale - gap];
}

function paintScale(context: CanvasRenderingContext2D, scene: StackScene): void {
  const { capacity, theme, width, height } = scene;
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  for (const tokens of [0, capacity / 2, capacity]) {
    const y = Math.round(height - BOTTOM - tokens * tokenHeight(scene)) - 0.5;
    context.fillStyle = theme.muted;
    context.fillText(formatCount(tokens), LEFT - 8, Math.max(y, 7));
    context.fillStyle = withAlpha(theme.foreground, theme.highContrast ? 0.7 : tokens === capacity ? 0.4 : 0.16);
    context.fillRect(LEFT, y, width - LEFT, 1);
  }
}

/** Many bins a pixel: what they hold on average. */
function paintPixels(context: CanvasRenderingContext2D, scene: StackScene, from: number, to: number): void {
  const { view, slots, side, roleTokens, height } = scene;
  const roles = MASK_ROLES.length;
  const colors = roleColors(scene.theme);
  const perToken = tokenHeight(scene);
  const pixels = Math.ceil((to - from) * view.scale);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const first = Math.max(from, Math.floor(from + pixel / view.scale));
    const last = Math.min(to, Math.max(first + 1, Math.floor(from + (pixel + 1) / view.scale)));
    const sums = new Float64Array(roles);
    let bins = 0;
    for (let slot = first; slot < last; slot++) {
      const bin = slots.bins[side][slot]!;
      if (bin < 0) continue;
      bins++;
      for (let role = 0; role < roles; role++) sums[role]! += roleTokens[bin * roles + role]!;
    }
    if (bins === 0) continue;
    let y = height - BOTTOM;
    for (const role of ROLE_ORDER) {
      const size = (sums[role]! / bins) * perToken;
      context.fillStyle = colors[role]!;
      context.fillRect(LEFT + (from - view.left) * view.scale + pixel, y - size, 1, size);
      y -= size;
    }
  }
}

function paintBin(context: CanvasRenderingContext2D, scene: StackScene, slot: number, bin: number): void {
  const { theme, height, capacity, roleTokens, view, side, row } = scene;
  const [x, width] = column(scene, slot);
  const colors = roleColors(theme);
  const perToken = tokenHeight(scene);
  const floor = height - BOTTOM;
  // Room that stays empty.
  context.fillStyle = withAlpha(theme.foreground, theme.highContrast ? 0.16 : 0.06);
  context.fillRect(x, floor - capacity * perToken, width, capacity * perToken);
  const segments = view.scale >= DETAIL ? scene.segments.get(side, bin) : undefined;
  let y = floor;
  if (segments === undefined) {
    for (const role of ROLE_ORDER) {
      const size = roleTokens[bin * MASK_ROLES.length + role]! * perToken;
      context.fillStyle = colors[role]!;
      context.fillRect(x, y - size, width, size);
      y -= size;
    }
    return;
  }
  for (const segment of segments) {
    const size = segment.length * perToken;
    context.fillStyle = colors[segment.role]!;
    // A thin line of background between two that are high enough.
    context.fillRect(x, y - size, width, size > 2.5 ? size - 0.75 : size);
    if (row >= 0 && segment.row === row) {
      context.fillStyle = withAlpha(theme.foreground, 0.45);
      context.fillRect(x, y - size, width, size);
    }
    y -= size;
  }
}

function paintSteps(context: CanvasRenderingContext2D, scene: StackScene): void {
  const { slots, view, theme, height, width } = scene;
  const edges = slots.stepEdges;
  if (edges.length === 0) return;
  let labelled = -Infinity;
  context.textAlign = 'left';
  context.font = `11px ${theme.font}`;
  const perStep = (slots.count / edges.length) * view.scale;
  for (let step = 0; step < edges.length; step++) {
    const x = LEFT + (edges[step]! - view.left) * view.scale;
    if (x < LEFT - perStep || x > width) continue;
    if (step > 0 && perStep >= 10) {
      context.fillStyle = withAlpha(theme.foreground, theme.highContrast ? 1 : 0.35);
      context.fillRect(Math.round(x), TOP, 1, height - TOP);
    }
    if (x < LEFT || x - labelled < STEP_DISTANCE) continue;
    labelled = x;
    context.fillStyle = theme.muted;
    context.fillText(`step ${formatCount(step + 1)}`, x + 3, height - BOTTOM / 2 + 2);
  }
}

function paintSelected(context: CanvasRenderingContext2D, scene: StackScene): void {
  const { selected, side, slots, theme, height, capacity } = scene;
  if (selected === undefined || selected.side !== side) return;
  const [x, width] = column(scene, slots.slotOf[side][selected.bin]!);
  const perToken = tokenHeight(scene);
  const floor = height - BOTTOM;
  const frame = (bottom: number, size: number, pad: number, line: number): void => {
    context.strokeStyle = theme.foreground;
    context.lineWidth = line;
    context.strokeRect(x - pad, bottom - size - pad, Math.max(1, width) + 2 * pad, size + 2 * pad);
  };
  frame(floor, capacity * perToken, 1.5, 1);
  const segments = scene.segments.get(side, selected.bin);
  if (selected.segment === undefined || segments === undefined) return;
  const [from, to] = segmentTokens(segments, selected.segment);
  frame(floor - from * perToken, (to - from) * perToken, 0, 2);
}

/** Tokens of a bin before a segment, and with it. */
function segmentTokens(segments: readonly Segment[], segment: number): [from: number, to: number] {
  let from = 0;
  for (let at = 0; at < segment; at++) from += segments[at]!.length;
  return [from, from + (segments[segment]?.length ?? 0)];
}
