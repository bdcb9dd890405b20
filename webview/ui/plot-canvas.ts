import { element } from './dom.js';

export interface PlotCanvasOptions {
  readonly class: string;
  /** What a screen reader calls it. */
  readonly label: string;
  readonly describedBy: string;
  readonly onKey: (event: KeyboardEvent) => void;
  readonly onWheel: (event: WheelEvent) => void;
  readonly onPointerDown: (event: PointerEvent) => void;
  readonly onPointerMove: (event: PointerEvent) => void;
  readonly onPointerLeave: () => void;
  readonly onResize: () => void;
}

/** A canvas that is worked on with pointer, wheel and keyboard, and its context without transparency. */
export function createPlotCanvas(options: PlotCanvasOptions): { root: HTMLCanvasElement; context: CanvasRenderingContext2D } {
  const root = element('canvas', {
    class: options.class,
    tabindex: '0',
    role: 'application',
    'aria-label': options.label,
    'aria-describedby': options.describedBy,
  });
  root.addEventListener('wheel', options.onWheel, { passive: false });
  root.addEventListener('pointerdown', options.onPointerDown);
  root.addEventListener('pointermove', options.onPointerMove);
  root.addEventListener('pointerleave', options.onPointerLeave);
  root.addEventListener('keydown', options.onKey);
  new ResizeObserver(options.onResize).observe(root);
  return { root, context: root.getContext('2d', { alpha: false })! };
}
