import type { Theme } from '../ui/theme.js';

/**
 * Colours of runs that are compared, by kind of theme. Each is, of all that have contrast with the background and are neither
 * grey nor glaring, the one farthest in OKLab from those before it; the test says how far.
 */
const COLORS = {
  dark: [
    '#3f93f7',
    '#f0e11e',
    '#d25a00',
    '#0fa53c',
    '#ffb4f0',
    '#00f0ff',
    '#c35ab4',
    '#b4b487',
    '#4b8787',
    '#3ce187',
    '#ff7887',
    '#b496ff',
  ],
  light: [
    '#1a66c8',
    '#e16900',
    '#690f00',
    '#007800',
    '#c369d2',
    '#4b0087',
    '#a51e69',
    '#004b5a',
    '#5a9696',
    '#875a2d',
    '#78960f',
    '#783cb4',
  ],
  'high-contrast dark': [
    '#62a7fd',
    '#c3ff00',
    '#ff4b00',
    '#00a50f',
    '#ff5af0',
    '#ffc3b4',
    '#00ffff',
    '#c3a51e',
    '#b47896',
    '#00e178',
    '#a569ff',
    '#00b4a5',
  ],
  'high-contrast light': [
    '#0256a9',
    '#e10000',
    '#008700',
    '#5a0f00',
    '#b400c3',
    '#5a0078',
    '#004b00',
    '#875a69',
    '#000096',
    '#695aff',
    '#003c5a',
    '#0f7878',
  ],
} as const;

/** Dashes, by how often all colours were used already: none, long, dash-dot, dash-dot-dot. */
const DASHES = [[], [12, 4], [10, 4, 2, 4], [10, 4, 2, 4, 2, 4]] as const;
/** The same for a curve that stands second in its chart. */
const DOTS = [
  [2, 3],
  [2, 3, 2, 7],
  [2, 3, 2, 3, 2, 7],
  [2, 3, 2, 3, 2, 3, 2, 7],
] as const;

/** How the lines of a run look beside those of others. */
export interface RunStyle {
  /** As `#rrggbb`. */
  readonly color: string;
  /** Of its lines, and of those curves that stand second in a chart; as a canvas takes dashes. */
  readonly dash: readonly number[];
  readonly dots: readonly number[];
}

/** The look of the run at a place of a comparison: no two of the first 48 look the same. */
export function runStyle({ background, highContrast }: Pick<Theme, 'background' | 'highContrast'>, place: number): RunStyle {
  const colors = COLORS[`${highContrast ? 'high-contrast ' : ''}${isDark(background) ? 'dark' : 'light'}`];
  const round = Math.floor(place / colors.length);
  return { color: colors[place % colors.length]!, dash: DASHES[round % DASHES.length]!, dots: DOTS[round % DOTS.length]! };
}

/** Whether a colour, `#rrggbb` or `rgb(…)`, is nearer to black than to white; so is what is neither. */
export function isDark(color: string): boolean {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i
    .exec(color)
    ?.slice(1)
    .map((part) => Number.parseInt(part, 16));
  const parts =
    hex ??
    /^rgba?\(([^)]*)\)/
      .exec(color)?.[1]
      ?.split(/[\s,/]+/)
      .map(Number);
  const [red, green, blue] = parts ?? [];
  if (red === undefined || green === undefined || blue === undefined) return true;
  // Rec. 601's luma: near enough to the eye for a choice of two.
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}
