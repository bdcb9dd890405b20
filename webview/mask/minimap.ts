import { roleColors } from '../ui/roles.js';
import { type Theme, withAlpha } from '../ui/theme.js';
import type { MaskModel } from './scene.js';
import { shapesIn, thinned } from './shapes.js';
import type { Extent, Viewport } from './viewport.js';

/** CSS pixels on a side. */
export const MINIMAP_SIZE = 104;
/** Pixels to the plot's upper right corner, where a mask is empty. */
export const MINIMAP_MARGIN = 10;

/** The whole mask, small; painted once a mask and theme, shown while only a part is in view. */
export class Minimap {
  readonly #picture: HTMLCanvasElement;

  constructor(model: MaskModel, theme: Theme, ratio: number) {
    const rows = model.layout.tokens.length;
    const size = Math.round(MINIMAP_SIZE * ratio);
    const scale = size / rows;
    this.#picture = document.createElement('canvas');
    this.#picture.width = size;
    this.#picture.height = size;
    const context = this.#picture.getContext('2d')!;
    context.fillStyle = theme.background;
    context.fillRect(0, 0, size, size);
    const colors = roleColors(theme);
    const whole = { left: 0, right: rows, top: 0, bottom: rows };
    for (const { kind, segment, left, right, top, bottom } of shapesIn(thinned(model.runs, 0.5 / scale), whole)) {
      context.fillStyle = colors[model.layout.segmentRole[segment]!]!;
      if (kind === 'block') {
        context.fillRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
        continue;
      }
      context.beginPath();
      context.moveTo(left * scale, top * scale);
      context.lineTo(right * scale, bottom * scale);
      context.lineTo(left * scale, bottom * scale);
      context.fill();
    }
  }

  /** @param right of the plot, CSS pixels; `top` likewise */
  draw(context: CanvasRenderingContext2D, right: number, top: number, view: Viewport, extent: Extent, theme: Theme): void {
    const x = right - MINIMAP_SIZE - MINIMAP_MARGIN;
    const y = top + MINIMAP_MARGIN;
    context.drawImage(this.#picture, x, y, MINIMAP_SIZE, MINIMAP_SIZE);
    context.lineWidth = 1;
    context.strokeStyle = withAlpha(theme.foreground, theme.highContrast ? 1 : 0.5);
    context.strokeRect(x - 0.5, y - 0.5, MINIMAP_SIZE + 1, MINIMAP_SIZE + 1);
    const scale = MINIMAP_SIZE / extent.rows;
    const [width, height] = [extent.width, extent.height].map((pixels) => (pixels / view.scale) * scale) as [number, number];
    context.strokeStyle = theme.focus;
    context.lineWidth = 2;
    const side = (first: number, length: number): [number, number] => [
      first * scale,
      Math.max(4, Math.min(length, MINIMAP_SIZE - first * scale)),
    ];
    const [left, wide] = side(view.left, width);
    const [upper, high] = side(view.top, height);
    context.strokeRect(x + left, y + upper, wide, high);
  }
}
