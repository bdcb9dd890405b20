import { element } from '../ui/dom.js';

const WIDTH = 26;

/** A piece of a line beside its name: its colour and dashes; with a point on it for what is measured now and then. */
export function swatch(color: string, dash: readonly number[], hasPoint = false): HTMLElement {
  const canvas = element('canvas', { class: 'swatch', 'aria-hidden': 'true' });
  const scale = window.devicePixelRatio || 1;
  const height = 10;
  canvas.width = WIDTH * scale;
  canvas.height = height * scale;
  canvas.style.width = `${WIDTH}px`;
  canvas.style.height = `${height}px`;
  const draw = canvas.getContext('2d');
  if (draw === null) return canvas;
  draw.scale(scale, scale);
  draw.strokeStyle = draw.fillStyle = color;
  draw.lineWidth = 2;
  draw.setLineDash([...dash]);
  draw.beginPath();
  draw.moveTo(0, height / 2);
  draw.lineTo(WIDTH, height / 2);
  draw.stroke();
  if (hasPoint) {
    draw.beginPath();
    draw.arc(WIDTH / 2, height / 2, 4, 0, 2 * Math.PI);
    draw.fill();
  }
  return canvas;
}
