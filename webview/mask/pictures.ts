import type { Theme } from '../ui/theme.js';
import { paintMask } from './painter.js';
import { RULER_LEFT, RULER_TOP, type Scene } from './scene.js';
import { CanvasSurface, type Surface, SvgSurface } from './surface.js';

const MARGIN = 16;
const TITLE = 28;
const NOTE = 26;
/** Pixels of a PNG for each of the screen's. */
const SHARPNESS = 2;

/** Masks as they are seen now, as one picture. */
export interface Picture {
  readonly masks: readonly { readonly title: string; readonly scene: Scene }[];
  readonly theme: Theme;
  /** What they are of. */
  readonly note: string;
}

function sizeOf({ masks }: Picture): { width: number; height: number } {
  const heights = masks.map(({ scene }) => RULER_TOP + scene.extent.height);
  const width = masks.reduce((sum, { scene }) => sum + MARGIN + RULER_LEFT + scene.extent.width, MARGIN);
  return { width: width, height: MARGIN + TITLE + Math.max(...heights) + NOTE + MARGIN };
}

function paint(surface: Surface, picture: Picture): void {
  const { masks, theme, note } = picture;
  const { width, height } = sizeOf(picture);
  const style = { color: theme.foreground, font: theme.font, align: 'left' } as const;
  surface.rect(0, 0, width, height, theme.background);
  let x = MARGIN;
  for (const { title, scene } of masks) {
    surface.text(title, x, MARGIN + TITLE / 2 - 4, { ...style, size: 15 });
    surface.moved(x, MARGIN + TITLE, () => paintMask(surface, scene));
    x += RULER_LEFT + scene.extent.width + MARGIN;
  }
  surface.text(note, MARGIN, height - MARGIN - NOTE / 2 + 6, { ...style, size: 12, color: theme.muted });
}

/** @returns the text of an SVG file */
export function toSvg(picture: Picture): string {
  const { width, height } = sizeOf(picture);
  const surface = new SvgSurface(width, height);
  paint(surface, picture);
  return surface.toString();
}

/** @throws Error when the browser has no memory for the picture */
export function toPng(picture: Picture): Promise<Blob> {
  const { width, height } = sizeOf(picture);
  const canvas = document.createElement('canvas');
  canvas.width = SHARPNESS * width;
  canvas.height = SHARPNESS * height;
  const context = canvas.getContext('2d', { alpha: false })!;
  context.scale(SHARPNESS, SHARPNESS);
  paint(new CanvasSurface(context), picture);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob === null ? reject(new Error('the picture is too large')) : resolve(blob)), 'image/png'),
  );
}

/** Puts a picture on the clipboard. @returns false where that is not allowed */
export async function copyPicture(data: Blob | string): Promise<boolean> {
  try {
    if (typeof data === 'string') await navigator.clipboard.writeText(data);
    else await navigator.clipboard.write([new ClipboardItem({ 'image/png': data })]);
    return true;
  } catch {
    return false;
  }
}
