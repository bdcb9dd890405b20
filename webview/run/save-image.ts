import { createPicture, pngOf } from '../ui/picture.js';
import type { Theme } from '../ui/theme.js';
import type { ChartBoard } from './board.js';
import { runStyle } from './palette.js';

const MARGIN = 24;
const GAP = 20;
const TITLE_HEIGHT = 34;
const HEADING_HEIGHT = 40;
const COLUMNS = 3;
const COLUMN_WIDTH = 440;
const LEGEND_ROW = 18;
const SAMPLE = 30;

/**
 * All charts as one picture, as they are shown now, with what they are of.
 *
 * @param title what stands above them
 * @param runs those of a comparison, whose legend stands below the title; none for a single run
 * @param note what stands below them: where the figures come from
 */
export async function boardImage(
  board: ChartBoard,
  theme: Theme,
  title: string,
  runs: readonly { readonly name: string; readonly place: number }[],
  note: string,
): Promise<Uint8Array> {
  const charts = board.drawAll();
  const heights = charts.map(({ canvas }) => (COLUMN_WIDTH * canvas.clientHeight) / Math.max(1, canvas.clientWidth));
  const rowHeight = HEADING_HEIGHT + Math.max(160, ...heights.map(Math.ceil));
  const rows = Math.ceil(charts.length / COLUMNS);
  const columns = Math.min(COLUMNS, Math.max(1, charts.length));
  const width = 2 * MARGIN + columns * COLUMN_WIDTH + (columns - 1) * GAP;
  const legend = runLegend(document.createElement('canvas').getContext('2d')!, theme, runs, width - 2 * MARGIN);
  const legendHeight = legend.length === 0 ? 0 : (legend.at(-1)!.row + 1) * LEGEND_ROW + 12;
  const height = 2 * MARGIN + TITLE_HEIGHT + legendHeight + rows * (rowHeight + GAP) + 20;
  const { canvas, draw } = createPicture(width, height, theme);
  draw.textBaseline = 'alphabetic';
  const text = (what: string, x: number, y: number, font: string, color: string): void => {
    draw.font = font;
    draw.fillStyle = color;
    draw.fillText(what, x, y);
  };
  text(title, MARGIN, MARGIN + 16, `600 17px ${theme.font}`, theme.foreground);
  const sample = (color: string, dash: readonly number[], x: number, y: number, length: number): void => {
    draw.strokeStyle = color;
    draw.lineWidth = 2;
    draw.setLineDash([...dash]);
    draw.beginPath();
    draw.moveTo(x, y);
    draw.lineTo(x + length, y);
    draw.stroke();
    draw.setLineDash([]);
  };
  for (const { name, place, x, row } of legend) {
    const { color, dash } = runStyle(theme, place);
    const y = MARGIN + TITLE_HEIGHT + row * LEGEND_ROW;
    sample(color, dash, MARGIN + x, y, SAMPLE);
    text(name, MARGIN + x + SAMPLE + 6, y + 4, `11px ${theme.font}`, theme.foreground);
  }
  charts.forEach((chart, i) => {
    const x = MARGIN + (i % COLUMNS) * (COLUMN_WIDTH + GAP);
    const y = MARGIN + TITLE_HEIGHT + legendHeight + Math.floor(i / COLUMNS) * (rowHeight + GAP);
    text(chart.options.title, x, y + 12, `600 13px ${theme.font}`, theme.foreground);
    let at = x;
    for (const { label, color, dash } of chart.legend(theme)) {
      sample(color, dash, at, y + 26, 16);
      text(label, at + 21, y + 30, `11px ${theme.font}`, theme.muted);
      at += 21 + draw.measureText(label).width + 14;
    }
    draw.drawImage(chart.canvas, x, y + HEADING_HEIGHT, COLUMN_WIDTH, heights[i]!);
  });
  text(note, MARGIN, height - MARGIN + 6, `11px ${theme.font}`, theme.muted);
  return pngOf(canvas);
}

/** Where each run of the legend stands: as many in a row as fit. */
function runLegend(
  draw: CanvasRenderingContext2D,
  theme: Theme,
  runs: readonly { readonly name: string; readonly place: number }[],
  width: number,
): { readonly name: string; readonly place: number; readonly x: number; readonly row: number }[] {
  draw.font = `11px ${theme.font}`;
  let [x, row] = [0, 0];
  return runs.map((run) => {
    const taken = SAMPLE + 6 + draw.measureText(run.name).width + 18;
    if (x > 0 && x + taken > width) [x, row] = [0, row + 1];
    const placed = { ...run, x, row };
    x += taken;
    return placed;
  });
}
