import type { Theme } from './theme.js';

/** Pixels of a picture per CSS pixel. */
const SCALE = 2;

/** An empty picture in the colours of the theme, drawn on in CSS pixels. */
export function createPicture(width: number, height: number, theme: Theme): { canvas: HTMLCanvasElement; draw: CanvasRenderingContext2D } {
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const draw = canvas.getContext('2d')!;
  draw.scale(SCALE, SCALE);
  draw.fillStyle = theme.background;
  draw.fillRect(0, 0, width, height);
  return { canvas, draw };
}

export async function pngOf(canvas: HTMLCanvasElement): Promise<Uint8Array> {
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (blob === null) throw new Error('the browser could not make a picture');
  return new Uint8Array(await blob.arrayBuffer());
}
