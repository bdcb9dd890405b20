import { createPlotCanvas } from '../ui/plot-canvas.js';
import { readTheme, type Theme } from '../ui/theme.js';
import { wheelPan, wheelZoom } from '../ui/wheel.js';
import { Minimap, MINIMAP_MARGIN, MINIMAP_SIZE } from './minimap.js';
import { paintMask } from './painter.js';
import { type MaskModel, RULER_LEFT, RULER_TOP, type Scene } from './scene.js';
import { CanvasSurface } from './surface.js';
import { type Cell, cellAt, clamp, type Extent, fitScale, panBy, reveal, type Viewport, zoomAt } from './viewport.js';

export interface MaskCanvasOptions {
  readonly label: string;
  readonly describedBy: string;
  readonly text: (row: number) => string | undefined;
  /** The pointer is over a cell (or over none), or has chosen one. */
  readonly onPoint: (cell: Cell | undefined, chosen: boolean) => void;
  /** The view was moved or zoomed by hand. */
  readonly onView: () => void;
  readonly onKey: (event: KeyboardEvent) => void;
  /** There is more or less room than before. */
  readonly onResize: () => void;
}

/** A mask that can be moved and zoomed. Draws at most once a frame. */
export class MaskCanvas {
  readonly root: HTMLCanvasElement;
  readonly #options: MaskCanvasOptions;
  readonly #context: CanvasRenderingContext2D;
  #model: MaskModel | undefined;
  #minimap: Minimap | undefined;
  #theme: Theme = readTheme();
  #view: Viewport = { scale: 0, left: 0, top: 0 };
  #width = 0;
  #height = 0;
  #cursor: Cell | undefined;
  #showTiles = true;
  #frame: number | undefined;
  /** Least scale: both masks are zoomed together, so that of the larger one. */
  smallest = 0;

  constructor(options: MaskCanvasOptions) {
    this.#options = options;
    const { root, context } = createPlotCanvas({
      class: 'mask',
      label: options.label,
      describedBy: options.describedBy,
      onKey: options.onKey,
      onWheel: (event) => this.#onWheel(event),
      onPointerDown: (event) => this.#onPointerDown(event),
      onPointerMove: (event) => this.#onHover(event),
      onPointerLeave: () => options.onPoint(undefined, false),
      onResize: () => this.#resize(),
    });
    this.root = root;
    this.#context = context;
  }

  get view(): Viewport {
    return this.#view;
  }

  get extent(): Extent {
    return {
      width: Math.max(1, this.#width - RULER_LEFT),
      height: Math.max(1, this.#height - RULER_TOP),
      rows: this.#model?.layout.tokens.length ?? 1,
    };
  }

  get fitting(): number {
    return fitScale(this.extent);
  }

  setModel(model: MaskModel): void {
    this.#model = model;
    this.#minimap = undefined;
    this.draw();
  }

  setView(view: Viewport): void {
    this.#view = clamp(view, this.extent, this.smallest === 0 ? this.fitting : this.smallest);
    this.draw();
  }

  setCursor(cursor: Cell | undefined): void {
    this.#cursor = cursor;
    this.draw();
  }

  /** Brings a cell into view. */
  reveal(cell: Cell): void {
    this.setView(reveal(this.#view, this.extent, cell));
  }

  setTiles(show: boolean): void {
    this.#showTiles = show;
    this.draw();
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.#minimap = undefined;
    this.draw();
  }

  /** Zooms around the cursor, else around the middle. */
  zoom(factor: number): void {
    const { width, height } = this.extent;
    const at = this.#cursor;
    const place = (token: number | undefined, first: number, pixels: number): number => {
      const pixel = token === undefined ? -1 : (token + 0.5 - first) * this.#view.scale;
      return pixel >= 0 && pixel <= pixels ? pixel : pixels / 2;
    };
    const [x, y] = [place(at?.key, this.#view.left, width), place(at?.query, this.#view.top, height)];
    this.#zoomAt(factor, x, y);
  }

  pan(dx: number, dy: number): void {
    this.setView(panBy(this.#view, dx, dy));
    this.#options.onView();
  }

  draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  /** What is seen now; undefined before there is a mask. */
  get scene(): Scene | undefined {
    if (this.#model === undefined) return undefined;
    return {
      model: this.#model,
      view: this.#view,
      extent: this.extent,
      theme: this.#theme,
      showTiles: this.#showTiles,
      cursor: this.#cursor,
      text: this.#options.text,
    };
  }

  #draw(): void {
    const { scene } = this;
    if (scene === undefined || this.#width === 0) return;
    const ratio = window.devicePixelRatio;
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintMask(new CanvasSurface(context), scene);
    if (this.#view.scale > this.fitting * 1.2) {
      this.#minimap ??= new Minimap(scene.model, this.#theme, ratio);
      this.#minimap.draw(context, this.#width, RULER_TOP, this.#view, scene.extent, this.#theme);
    }
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.root;
    // Nothing while it is hidden: what was seen stays as it was.
    if (clientWidth === 0 || (clientWidth === this.#width && clientHeight === this.#height)) return;
    this.#width = clientWidth;
    this.#height = clientHeight;
    const ratio = window.devicePixelRatio;
    this.root.width = Math.round(clientWidth * ratio);
    this.root.height = Math.round(clientHeight * ratio);
    this.#options.onResize();
    // Drawn at once: setting the size has emptied the canvas.
    this.#draw();
  }

  #place({ offsetX, offsetY }: MouseEvent): [x: number, y: number] {
    return [offsetX - RULER_LEFT, offsetY - RULER_TOP];
  }

  #zoomAt(factor: number, x: number, y: number): void {
    this.setView(zoomAt(this.#view, factor, x, y, this.smallest));
    this.#options.onView();
  }

  #onWheel(event: WheelEvent): void {
    event.preventDefault();
    const [x, y] = this.#place(event);
    const across = wheelPan(event);
    if (across !== 0) this.pan(across, 0);
    else this.#zoomAt(wheelZoom(event), Math.max(0, x), Math.max(0, y));
  }

  #onHover(event: PointerEvent): void {
    if (event.buttons !== 0) return;
    this.#options.onPoint(cellAt(this.#view, this.extent, ...this.#place(event)), false);
  }

  #onPointerDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.root.setPointerCapture(event.pointerId);
    const start = this.#view;
    const onMap = this.#mapPoint(event);
    if (onMap !== undefined) this.#lookAt(onMap);
    let moved = false;
    const move = (next: PointerEvent): void => {
      const point = onMap === undefined ? undefined : this.#mapPoint(next, true);
      if (point !== undefined) {
        this.#lookAt(point);
        return;
      }
      const [dx, dy] = [event.clientX - next.clientX, event.clientY - next.clientY];
      if (!moved && Math.hypot(dx, dy) < 4) return;
      moved = true;
      this.root.classList.add('dragged');
      this.setView(panBy(start, dx, dy));
      this.#options.onView();
    };
    const end = (): void => {
      this.root.removeEventListener('pointermove', move);
      this.root.classList.remove('dragged');
      // A click, not a drag.
      if (!moved && onMap === undefined) this.#options.onPoint(cellAt(this.#view, this.extent, ...this.#place(event)), true);
    };
    this.root.addEventListener('pointermove', move);
    this.root.addEventListener('lostpointercapture', end, { once: true });
  }

  /** The cell of the whole mask under a point of the minimap. */
  #mapPoint({ offsetX, offsetY }: PointerEvent, outside = false): Cell | undefined {
    if (this.#minimap === undefined || this.#view.scale <= this.fitting * 1.2) return undefined;
    const x = (offsetX - (this.#width - MINIMAP_SIZE - MINIMAP_MARGIN)) / MINIMAP_SIZE;
    const y = (offsetY - RULER_TOP - MINIMAP_MARGIN) / MINIMAP_SIZE;
    const inside = x >= 0 && x < 1 && y >= 0 && y < 1;
    if (!inside && !outside) return undefined;
    const { rows } = this.extent;
    return { key: x * rows, query: y * rows };
  }

  #lookAt({ key, query }: Cell): void {
    const { width, height } = this.extent;
    const { scale } = this.#view;
    this.setView({ scale, left: key - width / scale / 2, top: query - height / scale / 2 });
    this.#options.onView();
  }
}
