import { lastAtMost, MASK_ROLES, treeAt } from '../../src/core/mask/index.js';
import { formatCount } from '../../src/format.js';
import { roleColors, ROLE_WORDS } from '../ui/roles.js';
import { withAlpha } from '../ui/theme.js';
import { RULER_LEFT, RULER_TOP, type Scene, TEXT_SCALE, visibleText } from './scene.js';
import type { Surface, TextStyle } from './surface.js';
import { seen } from './viewport.js';

/** Pixels of the band of colour beside the plot. */
const BAND = 8;
const GAP = 5;
/** A segment of so many pixels has room for its name. */
const ROOM_FOR_NAME = { left: 15, top: 54 };
const TICK_DISTANCE = 56;

/** Both rulers: what each token is, in colour and words, and its text once there is room for it. */
export function paintRulers(surface: Surface, scene: Scene): void {
  const { extent } = scene;
  surface.clipped(0, RULER_TOP, RULER_LEFT, extent.height, () => paintRuler(surface, scene, 'left'));
  surface.clipped(RULER_LEFT, 0, extent.width, RULER_TOP, () => paintRuler(surface, scene, 'top'));
}

function paintRuler(surface: Surface, scene: Scene, side: 'left' | 'top'): void {
  const { view, extent, theme, model, cursor } = scene;
  const { layout } = model;
  const first = side === 'left' ? view.top : view.left;
  const pixels = side === 'left' ? extent.height : extent.width;
  const origin = side === 'left' ? RULER_TOP : RULER_LEFT;
  const [from, to] = seen(first, pixels, view.scale, extent.rows);
  if (from >= to) return;
  const place = (token: number): number => origin + (token - first) * view.scale;
  const colors = roleColors(theme);
  const tree = cursor === undefined ? undefined : treeAt(layout, cursor.query);
  const otherTree = withAlpha(theme.foreground, 0.25);

  const bar = (begin: number, end: number, color: string): void => {
    const size = Math.max(0.5, place(end) - place(begin));
    if (side === 'left') surface.rect(RULER_LEFT - BAND - 1, place(begin), BAND, size, color);
    else surface.rect(place(begin), RULER_TOP - BAND - 1, size, BAND, color);
  };
  const style: TextStyle = { color: theme.foreground, font: theme.font, size: 11, align: 'right' };
  const label = (text: string, at: number, more: Partial<TextStyle> = {}): void => {
    if (side === 'left') surface.text(text, RULER_LEFT - BAND - GAP, at, { ...style, ...more });
    else surface.text(text, at, RULER_TOP - BAND - GAP, { ...style, align: 'left', upright: true, ...more });
  };

  let drawnTo = -Infinity;
  let named = false;
  for (let segment = lastAtMost(layout.segmentBegin, from); segment < layout.segmentBegin.length; segment++) {
    const begin = Math.max(from, layout.segmentBegin[segment]!);
    const end = Math.min(to, layout.segmentEnd[segment]!);
    if (begin >= to) break;
    // Of segments within half a pixel one is enough.
    if (place(end) < drawnTo + 0.5) continue;
    drawnTo = place(end);
    const other = tree !== undefined && (begin < tree.begin || begin >= tree.end);
    bar(begin, end, other ? otherTree : colors[layout.segmentRole[segment]!]!);
    if (view.scale >= TEXT_SCALE || place(end) - place(begin) < ROOM_FOR_NAME[side]) continue;
    named = true;
    const name = ROLE_WORDS[MASK_ROLES[layout.segmentRole[segment]!]!];
    const middle = (place(begin) + place(end)) / 2;
    if (side === 'left') label(name, middle);
    else surface.text(name, middle, RULER_TOP - BAND - GAP - 6, { ...style, align: 'center' });
  }

  if (view.scale >= TEXT_SCALE) {
    const size = Math.min(13, view.scale - 1);
    const most = Math.floor(((side === 'left' ? RULER_LEFT : RULER_TOP) - BAND - 2 * GAP) / (0.62 * size));
    for (let row = from; row < to; row++) {
      const text = scene.text(row);
      if (text === undefined) continue;
      const lit = cursor !== undefined && row === (side === 'left' ? cursor.query : cursor.key);
      label(cut(visibleText(text), most), place(row + 0.5), {
        font: theme.editorFont,
        size,
        color: lit || cursor === undefined ? theme.foreground : theme.muted,
      });
    }
  } else if (!named) {
    const step = tickStep(TICK_DISTANCE / view.scale);
    for (let row = Math.ceil(from / step) * step; row < to; row += step) {
      if (side === 'left') label(formatCount(row), Math.max(RULER_TOP + 7, place(row)), { color: theme.muted });
      else
        surface.text(formatCount(row), Math.max(RULER_LEFT, place(row)), RULER_TOP - BAND - GAP - 6, {
          ...style,
          align: row === 0 ? 'left' : 'center',
          color: theme.muted,
        });
    }
  }
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text;
}

/** The least power of two, from 16 on, that is at least this: ticks that stand on tiles. */
function tickStep(least: number): number {
  let step = 16;
  while (step < least) step *= 2;
  return step;
}
