import { formatDuration, formatPercent, formatRate, formatRatio } from '../../src/format.js';
import { type Measurement, PHASES } from '../../src/protocol/speedup.js';
import { createPicture, pngOf } from '../ui/picture.js';
import { type Theme, withAlpha } from '../ui/theme.js';

/** A bar's length as a fraction of the naive one's, and what stands behind it. */
interface Bar {
  readonly label: string;
  readonly fraction: number;
  readonly text: string;
  readonly shared: boolean;
  /** Fractions between which the rounds lie. */
  readonly spread?: readonly [number, number];
  /** Where the cost model puts the bar's end. */
  readonly predicted?: number;
}

interface Group {
  readonly title: string;
  readonly ratio: string;
  readonly note: string;
  readonly bars: readonly Bar[];
}

const ROW = 26;
const GROUP_GAP = 18;
const HEADING = 24;
const LABEL_WIDTH = 64;
const TEXT_WIDTH = 230;
const PHASE_ROW = 24;

/** Seconds with the digits that tell two of them apart. */
export function secondsText(seconds: number): string {
  return seconds < 60 ? `${seconds.toPrecision(3)} s` : formatDuration(seconds);
}

function groupsOf(measured: Measurement): Group[] {
  const { tokens, flops, seconds, least, most, ratio, predictedRatio, speedOfLight } = measured;
  return [
    {
      title: 'Tokens',
      ratio: formatRatio(tokens.naive / tokens.shared),
      note: 'in all bins',
      bars: [
        { label: 'naive', fraction: 1, text: formatRate(tokens.naive), shared: false },
        { label: 'shared', fraction: tokens.shared / tokens.naive, text: formatRate(tokens.shared), shared: true },
      ],
    },
    {
      title: 'Required FLOPs',
      ratio: formatRatio(flops.naive / flops.shared),
      note: 'the speedup of a perfect implementation',
      bars: [
        { label: 'naive', fraction: 1, text: `${formatRate(flops.naive / 1e9)} GFLOP`, shared: false },
        { label: 'shared', fraction: flops.shared / flops.naive, text: `${formatRate(flops.shared / 1e9)} GFLOP`, shared: true },
      ],
    },
    {
      title: 'Time',
      ratio: formatRatio(ratio),
      note: `predicted ${formatRatio(predictedRatio)}; rounds from ${formatRatio(measured.ratioLeast)} to ${formatRatio(measured.ratioMost)}`,
      bars: [
        {
          label: 'naive',
          fraction: 1,
          text: `${secondsText(seconds.naive)}, ${formatPercent(speedOfLight.naive)} of speed of light`,
          shared: false,
          spread: [least.naive / seconds.naive, most.naive / seconds.naive],
        },
        {
          label: 'shared',
          fraction: seconds.shared / seconds.naive,
          text: `${secondsText(seconds.shared)}, ${formatPercent(speedOfLight.shared)} of speed of light`,
          shared: true,
          spread: [least.shared / seconds.naive, most.shared / seconds.naive],
          predicted: 1 / predictedRatio,
        },
      ],
    },
  ];
}

/** Height that {@link drawPicture} needs, in CSS pixels. */
export function pictureHeight(measured: Measurement): number {
  const groups = 3 * (HEADING + 2 * ROW) + 2 * GROUP_GAP;
  return groups + (measured.phases === null ? 0 : GROUP_GAP + HEADING + 2 * ROW + PHASE_ROW) + 4;
}

/** Draws tokens, FLOPs and time as bars, naive over shared at one scale, and below them where the time goes. */
export function drawPicture(draw: CanvasRenderingContext2D, measured: Measurement, width: number, theme: Theme): void {
  const left = LABEL_WIDTH;
  // The longest bar may reach a spread of a tenth beyond it.
  const scale = Math.max(80, width - LABEL_WIDTH - TEXT_WIDTH) / 1.1;
  const write = (text: string, x: number, y: number, color: string, font = `${theme.fontSize}px ${theme.font}`): number => {
    draw.font = font;
    draw.fillStyle = color;
    draw.fillText(text, x, y);
    return draw.measureText(text).width;
  };
  draw.textBaseline = 'middle';
  let y = 0;
  for (const group of groupsOf(measured)) {
    const bold = `600 ${theme.fontSize}px ${theme.font}`;
    let x = write(group.title, 0, y + HEADING / 2, theme.foreground, bold) + 10;
    x += write(group.ratio, x, y + HEADING / 2, theme.blue, bold) + 10;
    write(group.note, x, y + HEADING / 2, theme.muted);
    y += HEADING;
    for (const bar of group.bars) {
      write(bar.label, 0, y + ROW / 2, theme.muted);
      drawBar(draw, bar, left, y + 4, scale, theme);
      const end = left + scale * Math.max(bar.fraction, bar.spread?.[1] ?? 0, bar.predicted ?? 0);
      write(bar.text, end + 8, y + ROW / 2, theme.foreground);
      y += ROW;
    }
    y += GROUP_GAP;
  }
  if (measured.phases !== null) drawPhases(draw, measured.phases, { left, y, scale }, theme, write);
}

function drawBar(draw: CanvasRenderingContext2D, bar: Bar, left: number, top: number, scale: number, theme: Theme): void {
  const height = ROW - 8;
  draw.fillStyle = bar.shared ? theme.blue : withAlpha(theme.foreground, 0.35);
  draw.fillRect(left, top, scale * bar.fraction, height);
  if (theme.highContrast) {
    draw.strokeStyle = theme.foreground;
    draw.strokeRect(left + 0.5, top + 0.5, scale * bar.fraction - 1, height - 1);
  }
  draw.strokeStyle = theme.foreground;
  draw.lineWidth = 1;
  const line = (fromX: number, fromY: number, toX: number, toY: number): void => {
    draw.beginPath();
    draw.moveTo(fromX, fromY);
    draw.lineTo(toX, toY);
    draw.stroke();
  };
  if (bar.spread !== undefined) {
    const [from, to] = bar.spread.map((fraction) => left + scale * fraction) as [number, number];
    const middle = top + height / 2;
    line(from, middle, to, middle);
    line(from, middle - 4, from, middle + 4);
    line(to, middle - 4, to, middle + 4);
  }
  if (bar.predicted !== undefined) {
    const x = left + scale * bar.predicted;
    draw.strokeStyle = theme.orange;
    draw.lineWidth = 2;
    draw.setLineDash([3, 2]);
    line(x, top - 3, x, top + height + 3);
    draw.setLineDash([]);
    draw.lineWidth = 1;
  }
}

function drawPhases(
  draw: CanvasRenderingContext2D,
  phases: NonNullable<Measurement['phases']>,
  at: { readonly left: number; readonly y: number; readonly scale: number },
  theme: Theme,
  write: (text: string, x: number, y: number, color: string, font?: string) => number,
): void {
  const colors = [theme.purple, theme.blue, theme.green];
  const total = PHASES.reduce((sum, phase) => sum + phases[phase].naive, 0);
  if (!(total > 0)) return;
  const width = write('Where the time goes', 0, at.y + HEADING / 2, theme.foreground, `600 ${theme.fontSize}px ${theme.font}`);
  write('of the first steps; backward includes clipping and AdamW', width + 10, at.y + HEADING / 2, theme.muted);
  (['naive', 'shared'] as const).forEach((side, row) => {
    const top = at.y + HEADING + row * ROW;
    write(side, 0, top + ROW / 2, theme.muted);
    let x = at.left;
    PHASES.forEach((phase, i) => {
      const length = (at.scale * phases[phase][side]) / total;
      draw.fillStyle = colors[i]!;
      draw.fillRect(x, top + 4, Math.max(0, length - 1), ROW - 8);
      x += length;
    });
    const seconds = PHASES.reduce((sum, phase) => sum + phases[phase][side], 0);
    write(secondsText(seconds), x + 8, top + ROW / 2, theme.foreground);
  });
  let x = at.left;
  const y = at.y + HEADING + 2 * ROW + PHASE_ROW / 2;
  PHASES.forEach((phase, i) => {
    draw.fillStyle = colors[i]!;
    draw.fillRect(x, y - 5, 10, 10);
    x += 16 + write(`${phase} ${formatRatio(phases[phase].naive / phases[phase].shared)}`, x + 16, y, theme.foreground) + 18;
  });
}

/** What the picture shows, for those who do not see it. */
export function pictureText(measured: Measurement): string {
  return (
    `Naive over shared: tokens ${formatRatio(measured.tokens.naive / measured.tokens.shared)}, required FLOPs ` +
    `${formatRatio(measured.flops.naive / measured.flops.shared)}, time ${formatRatio(measured.ratio)} measured, ` +
    `${formatRatio(measured.predictedRatio)} predicted.`
  );
}

/** The picture with its title and where its figures come from, to be kept. */
export async function pictureImage(measured: Measurement, theme: Theme): Promise<Uint8Array> {
  const [width, margin] = [860, 24];
  const provenance = measured.provenance.split(' · ');
  const lines = [provenance.slice(0, 3).join(' · '), provenance.slice(3).join(' · ')];
  const height = 2 * margin + 38 + pictureHeight(measured) + 14 + 18 * lines.length;
  const { canvas, draw } = createPicture(width, height, theme);
  draw.translate(margin, margin);
  draw.textBaseline = 'middle';
  draw.font = `600 18px ${theme.font}`;
  draw.fillStyle = theme.foreground;
  draw.fillText(`Prefix sharing: ${formatRatio(measured.ratio)} the speed of naive pairing`, 0, 10);
  draw.save();
  draw.translate(0, 38);
  drawPicture(draw, measured, width - 2 * margin, theme);
  draw.restore();
  draw.font = `11px ${theme.font}`;
  draw.fillStyle = theme.muted;
  draw.textBaseline = 'middle';
  lines.forEach((line, i) => draw.fillText(line, 0, height - 2 * margin - 18 * (lines.length - 1 - i) - 4));
  return pngOf(canvas);
}
