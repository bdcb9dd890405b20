import type { Histogram } from '../../src/core/inspect/index.js';
import { formatCount, plural } from '../../src/format.js';
import { LENGTH_KINDS } from '../../src/protocol/packing.js';
import { element } from '../ui/dom.js';
import { roleColor } from '../ui/roles.js';
import { type Theme, withAlpha } from '../ui/theme.js';

const HEIGHT = 96;
const AXIS = 18;
const TITLES = { prompt: 'Prompts', chosen: 'Chosen responses', rejected: 'Rejected responses' } as const;

/** How long prompts and responses are: three pictures at one scale. */
export class LengthHistograms {
  readonly root = element('div', { class: 'histograms' });
  #histogram: Histogram | undefined;
  #canvases: HTMLCanvasElement[] = [];
  #theme: Theme;

  constructor(theme: Theme) {
    this.#theme = theme;
    new ResizeObserver(() => this.#draw()).observe(this.root);
  }

  show(histogram: Histogram): void {
    this.#histogram = histogram;
    this.#canvases = [];
    this.root.replaceChildren(
      ...LENGTH_KINDS.map((kind) => {
        const middle = `median ${formatCount(histogram.medians[kind])}`;
        const words = `${middle}, longest ${plural(histogram.longest[kind], 'token')}`;
        const canvas = element('canvas', { role: 'img', 'aria-label': `${TITLES[kind]} by length: ${words}` });
        this.#canvases.push(canvas);
        return element('figure', {}, element('figcaption', {}, element('span', { class: 'value' }, TITLES[kind]), ` ${words}`), canvas);
      }),
    );
    this.#draw();
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.#draw();
  }

  #draw(): void {
    const histogram = this.#histogram;
    if (histogram === undefined) return;
    const most = Math.max(1, ...LENGTH_KINDS.flatMap((kind) => [...histogram.counts[kind]]));
    LENGTH_KINDS.forEach((kind, at) => {
      const canvas = this.#canvases[at]!;
      const width = canvas.clientWidth;
      if (width === 0) return;
      const ratio = window.devicePixelRatio;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(HEIGHT * ratio);
      const context = canvas.getContext('2d')!;
      context.scale(ratio, ratio);
      const counts = histogram.counts[kind];
      const step = width / counts.length;
      const floor = HEIGHT - AXIS;
      context.fillStyle = roleColor(this.#theme, kind);
      counts.forEach((count, index) => {
        const size = count === 0 ? 0 : Math.max(1, (count / most) * (floor - 4));
        context.fillRect(index * step, floor - size, Math.max(1, step - 1), size);
      });
      context.fillStyle = withAlpha(this.#theme.foreground, this.#theme.highContrast ? 1 : 0.4);
      context.fillRect(0, floor, width, 1);
      context.fillStyle = this.#theme.muted;
      context.font = `11px ${this.#theme.font}`;
      const end = counts.length * histogram.width;
      context.fillText('0', 0, HEIGHT - 4);
      context.textAlign = 'center';
      context.fillText(formatCount(end / 2), width / 2, HEIGHT - 4);
      context.textAlign = 'right';
      context.fillText(`${formatCount(end)} tokens`, width, HEIGHT - 4);
    });
  }
}
