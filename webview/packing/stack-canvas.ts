import type { PlanSide } from '../../src/protocol/plan.js';
import { createPlotCanvas } from '../ui/plot-canvas.js';
import { wheelPan, wheelZoom } from '../ui/wheel.js';
import { LEFT, paintStacks, type Spot, type StackScene, TOP, BOTTOM, tokenHeight } from './painter.js';

export interface StackCanvasOptions {
  readonly side: PlanSide;
  readonly label: string;
  readonly describedBy: string;
  /** What is to be drawn, for a canvas of this size; undefined while there is nothing. */
  readonly scene: (width: number, height: number) => StackScene | undefined;
  readonly onPoint: (spot: Spot | undefined, chosen: boolean) => void;
  readonly onOpen: () => void;
  readonly onPan: (pixels: number) => void;
  /** @param x CSS pixels from the plot's left edge */
  readonly onZoom: (factor: number, x: number) => void;
  readonly onKey: (event: KeyboardEvent) => void;
  readonly onResize: () => void;
}

/** One side's bins. Draws at most once a frame. */
export class StackCanvas {
  readonly root: HTMLCanvasElement;
  readonly #options: StackCanvasOptions;
  readonly #context: CanvasRenderingContext2D;
  #frame: number | undefined;
  #width = 0;
  #height = 0;

  constructor(options: StackCanvasOptions) {
    this.#options = options;
    const { root, context } = createPlotCanvas({
      class: 'stacks',
      label: options.label,
      describedBy: options.describedBy,
      onKey: options.onKey,
      onWheel: (event) => this.#onWheel(event),
      onPointerDown: (event) => this.#onPointerDown(event),
      onPointerMove: (event) => {
        if (event.buttons === 0) options.onPoint(this.#spotAt(event), false);
      },
      onPointerLeave: () => options.onPoint(undefined, false),
      onResize: () => this.#resize(),
    });
    this.root = root;
    this.#context = context;
    root.addEventListener('dblclick', () => options.onOpen());
  }

  /** Width of the plot in CSS pixels. */
  get plotWidth(): number {
    return Math.max(1, this.#width - LEFT);
  }

  draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  #draw(): void {
    const scene = this.#width === 0 ? undefined : this.#options.scene(this.#width, this.#height);
    if (scene === undefined) return;
    const ratio = window.devicePixelRatio;
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintStacks(this.#context, scene);
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth === 0 || (clientWidth === this.#width && clientHeight === this.#height)) return;
    this.#width = clientWidth;
    this.#height = clientHeight;
    this.root.width = Math.round(clientWidth * window.devicePixelRatio);
    this.root.height = Math.round(clientHeight * window.devicePixelRatio);
    this.#options.onResize();
    // Drawn at once: setting the size has emptied the canvas.
    this.#draw();
  }

  #spotAt({ offsetX, offsetY }: MouseEvent): Spot | undefined {
    const scene = this.#options.scene(this.#width, this.#height);
    if (scene === undefined || offsetX < LEFT || offsetY < TOP || offsetY > this.#height - BOTTOM) return undefined;
    const { side } = this.#options;
    const bin = scene.slots.bins[side][Math.floor(scene.view.left + (offsetX - LEFT) / scene.view.scale)] ?? -1;
    if (bin < 0) return undefined;
    const token = (this.#height - BOTTOM - offsetY) / tokenHeight(scene);
    let end = 0;
    const segment = scene.segments.get(side, bin)?.findIndex(({ length }) => token < (end += length)) ?? -1;
    return { side, bin, segment: segment < 0 ? undefined : segment };
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const across = wheelPan(event);
    if (across !== 0) this.#options.onPan(across);
    else this.#options.onZoom(wheelZoom(event), Math.max(0, event.offsetX - LEFT));
  }

  #onPointerDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.root.setPointerCapture(event.pointerId);
    let last = event.clientX;
    let dragged = false;
    const move = (next: PointerEvent): void => {
      if (!dragged && Math.abs(next.clientX - event.clientX) < 4) return;
      dragged = true;
      this.#options.onPan(last - next.clientX);
      last = next.clientX;
    };
    const end = (): void => {
      this.root.removeEventListener('pointermove', move);
      if (!dragged) this.#options.onPoint(this.#spotAt(event), true);
    };
    this.root.addEventListener('pointermove', move);
    this.root.addEventListener('lostpointercapture', end, { once: true });
  }
}
