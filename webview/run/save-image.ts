import type { Theme } from '../ui/theme.js';
import type { ChartBoard } from './board.js';

const MARGIN = 24;
const GAP = 20;
const TITLE_HEIGHT = 34;
const HEADING_HEIGHT = 40;
const COLUMNS = 3;
const COLUMN_WIDTH = 440;

/**
 * All charts as one picture, as they are shown now, with what they are of.
 *
 * @param title what stands above them
 * @param note what stands below them: where the figures come from
 */
export async function boardImage(board: ChartBoard, theme: Theme, title: string, note: string): Promise<Uint8Array> {
  const charts = board.drawAll();
  const heights = charts.map(({ canvas }) => (COLUMN_WIDTH * canvas.clientHeight) / Math.max(1, canvas.clientWidth));
  const rowHeight = HEADING_HEIGHT + Math.max(160, ...heights.map(Math.ceil));
  const rows = Math.ceil(charts.length / COLUMNS);
  const columns = Math.min(COLUMNS, Math.max(1, charts.length));
  const width = 2 * MARGIN + columns * COLUMN_WIDTH + (columns - 1) * GAP;
  const height = 2 * MARGIN + TITLE_HEIGHT + rows * (rowHeight + GAP) + 20;
  const scale = 2;
  const canvas = document.createElement('canvas');
  canvas.width = width * scale;
  canvas.height = height * scale;
  const draw = canvas.getContext('2d')!;
  draw.scale(scale, scale);
  draw.fillStyle = theme.background;
  draw.fillRect(0, 0, width, height);
  draw.textBaseline = 'alphabetic';
  const text = (what: string, x: number, y: number, font: string, color: string): void => {
    draw.font = font;
    draw.fillStyle = color;
    draw.fillText(what, x, y);
  };
  text(title, MARGIN, MARGIN + 16, `600 17px ${theme.font}`, theme.foreground);
  charts.forEach((chart, i) => {
    const x = MARGIN + (i % COLUMNS) * (COLUMN_WIDTH + GAP);
    const y = MARGIN + TITLE_HEIGHT + Math.floor(i / COLUMNS) * (rowHeight + GAP);
    text(chart.options.title, x, y + 12, `600 13px ${theme.font}`, theme.foreground);
    let at = x;
    for (const { label, color, style } of chart.legend(theme)) {
      draw.strokeStyle = color;
      draw.lineWidth = 2;
      draw.setLineDash(style === 'dashed' ? [5, 3] : style === 'dotted' ? [2, 2] : []);
      draw.beginPath();
      draw.moveTo(at, y + 26);
      draw.lineTo(at + 16, y + 26);
      draw.stroke();
      text(label, at + 21, y + 30, `11px ${theme.font}`, theme.muted);
      at += 21 + draw.measureText(label).width + 14;
    }
    draw.setLineDash([]);
    draw.drawImage(chart.canvas, x, y + HEADING_HEIGHT, COLUMN_WIDTH, heights[i]!);
  });
  text(note, MARGIN, height - MARGIN + 6, `11px ${theme.font}`, theme.muted);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (blob === null) throw new Error('the browser could not make a picture of the charts');
  return new Uint8Array(await blob.arrayBuffer());
}
