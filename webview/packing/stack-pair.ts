import type { BinTotals } from '../../src/core/inspect/index.js';
import { PLAN_SIDES, type PlanSide } from '../../src/protocol/plan.js';
import { SIDE_TITLES } from '../plan/figures.js';
import { element } from '../ui/dom.js';
import { readTheme, type Theme } from '../ui/theme.js';
import type { Spot, StackScene } from './painter.js';
import type { BinSegments } from './segments.js';
import { clampSlots, fitSlots, type Order, revealSlot, type Slots, slotsOf, type SlotView, zoomSlots } from './slots.js';
import { StackCanvas } from './stack-canvas.js';

export interface StackPairOptions {
  readonly describedBy: string;
  /** Another bin or segment is looked at. */
  readonly onSpot: (spot: Spot | undefined) => void;
  /** The chosen bin's mask is wanted. */
  readonly onOpen: () => void;
}

/** Naive bins above shared ones, at one scale. */
export class StackPair {
  readonly root = element('div', { class: 'stack-pair' });
  readonly #options: StackPairOptions;
  readonly #canvases: Readonly<Record<PlanSide, StackCanvas>>;
  #totals: Readonly<Record<PlanSide, BinTotals>> | undefined;
  #segments: BinSegments | undefined;
  #capacity = 1;
  #order: Order = 'trained';
  #slots: Slots | undefined;
  #view: SlotView = { scale: 1, left: 0 };
  #whole = true;
  #theme: Theme = readTheme();
  #hovered: Spot | undefined;
  #chosen: Spot | undefined;

  constructor(options: StackPairOptions) {
    this.#options = options;
    const canvas = (side: PlanSide): StackCanvas =>
      new StackCanvas({
        side,
        label: `${SIDE_TITLES[side]} bins`,
        describedBy: options.describedBy,
        scene: (width, height) => this.#scene(side, width, height),
        onPoint: (spot, chosen) => {
          this.#hovered = spot;
          if (chosen) this.#chosen = spot;
          this.#changed();
        },
        onOpen: options.onOpen,
        onPan: (pixels) => this.#setView({ ...this.#view, left: this.#view.left + pixels / this.#view.scale }),
        onZoom: (factor, x) => this.#zoomAt(factor, x),
        onKey: (event) => this.#onKey(side, event),
        onResize: () => (this.#whole ? this.fit() : this.#setView(this.#view)),
      });
    this.#canvases = { shared: canvas('shared'), naive: canvas('naive') };
    for (const side of ['naive', 'shared'] as const) {
      this.root.append(
        element(
          'section',
          { class: 'side', 'aria-label': SIDE_TITLES[side] },
          element('h2', {}, SIDE_TITLES[side]),
          element('div', { class: 'canvas-room' }, this.#canvases[side].root),
        ),
      );
    }
  }

  /** The bin that is looked at. */
  get spot(): Spot | undefined {
    return this.#hovered ?? this.#chosen;
  }

  get chosen(): Spot | undefined {
    return this.#chosen;
  }

  setPlan(totals: Readonly<Record<PlanSide, BinTotals>>, capacity: number, segments: BinSegments): void {
    this.#totals = totals;
    this.#capacity = capacity;
    this.#segments = segments;
    this.#slots = slotsOf(totals, this.#order);
    this.#hovered = undefined;
    this.#chosen = undefined;
    this.fit();
    this.#changed();
  }

  setOrder(order: Order): void {
    this.#order = order;
    if (this.#totals === undefined) return;
    this.#slots = slotsOf(this.#totals, order);
    if (this.#whole || this.#chosen === undefined) this.fit();
    else this.choose(this.#chosen);
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.redraw();
  }

  redraw(): void {
    for (const side of PLAN_SIDES) this.#canvases[side].draw();
  }

  /** Chooses a bin and brings it into view. */
  choose(spot: Spot): void {
    if (this.#slots === undefined) return;
    this.#chosen = spot;
    this.#hovered = undefined;
    const slot = this.#slots.slotOf[spot.side][spot.bin]!;
    this.#setView(revealSlot(this.#view, slot, this.#slots.count, this.#width));
    this.#changed();
  }

  fit(): void {
    if (this.#slots === undefined) return;
    this.#view = fitSlots(this.#slots.count, this.#width);
    this.#whole = true;
    this.redraw();
  }

  /** Zooms around the chosen bin where it is in view, else around the middle. */
  zoom(factor: number): void {
    const slot = this.#chosen && this.#slots?.slotOf[this.#chosen.side][this.#chosen.bin];
    const x = slot === undefined ? -1 : (slot + 0.5 - this.#view.left) * this.#view.scale;
    this.#zoomAt(factor, x >= 0 && x <= this.#width ? x : this.#width / 2);
  }

  get #width(): number {
    return this.#canvases.shared.plotWidth;
  }

  #zoomAt(factor: number, x: number): void {
    if (this.#slots !== undefined) this.#setView(zoomSlots(this.#view, factor, x, this.#slots.count, this.#width));
  }

  #setView(view: SlotView): void {
    if (this.#slots === undefined) return;
    this.#view = clampSlots(view, this.#slots.count, this.#width);
    this.#whole = this.#view.scale <= fitSlots(this.#slots.count, this.#width).scale * 1.001;
    this.redraw();
  }

  #changed(): void {
    this.redraw();
    this.#options.onSpot(this.spot);
  }

  #scene(side: PlanSide, width: number, height: number): StackScene | undefined {
    const [slots, segments, totals] = [this.#slots, this.#segments, this.#totals];
    if (slots === undefined || segments === undefined || totals === undefined) return undefined;
    const { spot } = this;
    const looked = spot?.segment === undefined ? undefined : segments.get(spot.side, spot.bin)?.[spot.segment];
    return {
      side,
      slots,
      segments,
      view: this.#view,
      roleTokens: totals[side].roleTokens,
      capacity: this.#capacity,
      theme: this.#theme,
      width,
      height,
      selected: spot,
      row: looked?.row ?? -1,
    };
  }

  #onKey(side: PlanSide, event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.#act(side, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #act(side: PlanSide, key: string): boolean {
    switch (key) {
      case '+':
      case '=':
        this.zoom(2);
        return true;
      case '-':
      case '_':
        this.zoom(0.5);
        return true;
      case '0':
        this.fit();
        return true;
      case 'Enter':
        this.#options.onOpen();
        return true;
      case 'ArrowLeft':
        return this.#step(side, -1);
      case 'ArrowRight':
        return this.#step(side, 1);
      case 'Home':
        return this.#step(side, -Infinity);
      case 'End':
        return this.#step(side, Infinity);
      case 'ArrowUp':
        return this.#climb(side, 1);
      case 'ArrowDown':
        return this.#climb(side, -1);
      default:
        return false;
    }
  }

  /** To another bin of the side, in the order that is shown; from the other side to the bin at the same place. */
  #step(side: PlanSide, by: number): boolean {
    if (this.#slots === undefined) return false;
    const { bins, slotOf } = this.#slots;
    const filled = [...bins[side].keys()].filter((slot) => bins[side][slot]! >= 0);
    const chosen = this.#chosen;
    // How many slots lie at or before the chosen bin, on whichever side that is.
    const before = chosen === undefined ? 0 : filled.filter((slot) => slot <= slotOf[chosen.side][chosen.bin]!).length;
    const at = chosen?.side === side || !Number.isFinite(by) ? before - 1 + by : before - 1;
    const next = filled[Math.min(filled.length - 1, Math.max(0, at))];
    if (next !== undefined) this.choose({ side, bin: bins[side][next]!, segment: undefined });
    return true;
  }

  /** To another segment of the chosen bin. */
  #climb(side: PlanSide, by: 1 | -1): boolean {
    const chosen = this.#chosen;
    if (chosen?.side !== side) return this.#step(side, 0);
    const segments = this.#segments?.get(side, chosen.bin);
    if (segments === undefined) return true;
    const at = chosen.segment === undefined ? (by === 1 ? 0 : segments.length - 1) : chosen.segment + by;
    this.choose({ ...chosen, segment: Math.min(segments.length - 1, Math.max(0, at)) });
    return true;
  }
}
