import { segmentAt } from '../../src/core/mask/index.js';
import type { BinMessage } from '../../src/protocol/mask.js';
import { PLAN_SIDES, type PlanSide } from '../../src/protocol/plan.js';
import { SIDE_TITLES } from '../plan/figures.js';
import { element } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import { Counterparts } from './counterparts.js';
import { MaskCanvas } from './mask-canvas.js';
import { moved } from './moves.js';
import { type MaskModel, modelOf, type Scene, TEXT_SCALE } from './scene.js';
import type { ShownSides } from './toolbar.js';
import { type Cell, showRange, type Viewport } from './viewport.js';

/** A cell of one of the two masks. */
export interface Place {
  readonly side: PlanSide;
  readonly cell: Cell;
}

export interface MaskPairOptions {
  readonly describedBy: string;
  readonly text: (side: PlanSide, row: number) => string | undefined;
  /** Another cell is looked at, or none. */
  readonly onCursor: (place: Place | undefined) => void;
  readonly onTurn: (by: -1 | 1) => void;
}

/** The same tokens with sharing and without, side by side: one scale, and one cell that is looked at in both. */
export class MaskPair {
  readonly root = element('div', { class: 'masks' });
  readonly #options: MaskPairOptions;
  readonly #canvases: Readonly<Record<PlanSide, MaskCanvas>>;
  readonly #figures: Readonly<Record<PlanSide, HTMLElement>>;
  #models: Readonly<Record<PlanSide, MaskModel>> | undefined;
  #counterparts: Counterparts | undefined;
  #sides: readonly PlanSide[] = PLAN_SIDES;
  /** Everything is in view. */
  #whole = true;
  /** The cell under the pointer, and the one that was chosen. */
  #hovered: Place | undefined;
  #chosen: Place | undefined;

  constructor(options: MaskPairOptions) {
    this.#options = options;
    const canvas = (side: PlanSide): MaskCanvas =>
      new MaskCanvas({
        label: `${SIDE_TITLES[side]} attention mask`,
        describedBy: options.describedBy,
        text: (row) => options.text(side, row),
        onPoint: (cell, chosen) => this.#point(cell === undefined ? undefined : { side, cell }, chosen),
        onView: () => this.#follow(side),
        onKey: (event) => this.#onKey(side, event),
        onResize: () => (this.#whole ? this.fit() : this.#canvases[side].setView(this.#canvases[side].view)),
      });
    this.#canvases = { shared: canvas('shared'), naive: canvas('naive') };
    const figure = (side: PlanSide): HTMLElement =>
      element(
        'section',
        { class: 'side', 'aria-label': SIDE_TITLES[side] },
        element('h2', {}, SIDE_TITLES[side]),
        element('div', { class: 'canvas-room' }, this.#canvases[side].root),
      );
    this.#figures = { shared: figure('shared'), naive: figure('naive') };
    this.root.append(this.#figures.shared, this.#figures.naive);
  }

  get models(): Readonly<Record<PlanSide, MaskModel>> | undefined {
    return this.#models;
  }

  get cursor(): Place | undefined {
    return this.#hovered ?? this.#chosen;
  }

  /** What is seen now. */
  get scenes(): { readonly side: PlanSide; readonly scene: Scene }[] {
    return this.#sides.flatMap((side) => {
      const { scene } = this.#canvases[side];
      return scene === undefined ? [] : [{ side, scene }];
    });
  }

  setBin({ shared, naive, sharedRow, focus }: BinMessage): void {
    const models = { shared: modelOf(shared), naive: modelOf(naive) };
    this.#models = models;
    this.#counterparts = new Counterparts(shared.tokens.length, naive, sharedRow);
    for (const side of PLAN_SIDES) this.#canvases[side].setModel(models[side]);
    this.#hovered = undefined;
    this.#chosen = undefined;
    this.fit();
    if (focus !== null) this.#showRow(focus);
    this.#showCursor();
  }

  setSides(sides: ShownSides): void {
    this.#sides = sides === 'both' ? PLAN_SIDES : [sides];
    for (const side of PLAN_SIDES) this.#figures[side].toggleAttribute('hidden', !this.#sides.includes(side));
    if (this.#whole) this.fit();
  }

  setTiles(show: boolean): void {
    for (const side of PLAN_SIDES) this.#canvases[side].setTiles(show);
  }

  setTheme(theme: Theme): void {
    for (const side of PLAN_SIDES) this.#canvases[side].setTheme(theme);
  }

  redraw(): void {
    for (const side of this.#sides) this.#canvases[side].draw();
  }

  zoom(factor: number): void {
    const side = this.cursor?.side ?? this.#sides[0]!;
    this.#canvases[this.#sides.includes(side) ? side : this.#sides[0]!].zoom(factor);
  }

  /** Shows everything. */
  fit(): void {
    this.#whole = true;
    const smallest = Math.min(...this.#sides.map((side) => this.#canvases[side].fitting));
    for (const side of PLAN_SIDES) {
      this.#canvases[side].smallest = smallest;
      this.#canvases[side].setView({ scale: smallest, left: 0, top: 0 });
    }
  }

  /** The tree of a row of the dataset, and in it a response's first token looking at the prompt's last. */
  #showRow(row: number): void {
    const { shared } = this.#models!;
    const { segmentRow, segmentRole, segmentBegin, segmentEnd, segmentParent } = shared.layout;
    const own = [...segmentRow.keys()].filter((segment) => segmentRow[segment] === row);
    if (own.length === 0) return;
    const response = own.find((segment) => segmentRole[segment] !== 0 && segmentParent[segment]! >= 0) ?? own[0]!;
    const query = segmentBegin[response]!;
    const parent = segmentParent[response]!;
    this.#chosen = { side: 'shared', cell: { query, key: parent < 0 ? query : segmentEnd[parent]! - 1 } };
    const begin = Math.min(...own.map((segment) => segmentBegin[segment]!));
    const end = Math.max(...own.map((segment) => segmentEnd[segment]!));
    this.#look('shared', showRange(begin, end, this.#canvases.shared.extent));
  }

  #look(side: PlanSide, view: Viewport): void {
    this.#canvases[side].setView(view);
    this.#follow(side);
  }

  #point(place: Place | undefined, chosen: boolean): void {
    this.#hovered = place;
    if (chosen && place !== undefined) this.#chosen = place;
    this.#showCursor();
  }

  #showCursor(): void {
    const place = this.cursor;
    for (const side of PLAN_SIDES) this.#canvases[side].setCursor(place && this.#cellOn(side, place));
    this.#options.onCursor(place);
  }

  #cellOn(side: PlanSide, place: Place): Cell {
    return side === place.side ? place.cell : this.#counterparts!.of(place.side, place.cell);
  }

  /** One side was moved or zoomed: the other shows the same tokens at the same place. */
  #follow(moved: PlanSide): void {
    if (this.#counterparts === undefined) return;
    const { view, extent, fitting, smallest } = this.#canvases[moved];
    const other = moved === 'shared' ? 'naive' : 'shared';
    this.#whole = view.scale <= (smallest === 0 ? fitting : smallest) * 1.001;
    const anchor = this.#anchor(moved, view, extent.width, extent.height, extent.rows);
    const cell = this.#counterparts.of(moved, anchor);
    this.#canvases[other].setView({
      scale: view.scale,
      left: cell.key - (anchor.key - view.left),
      top: cell.query - (anchor.query - view.top),
    });
  }

  /** The cell that is looked at where it is in view, else the one in the middle. */
  #anchor(side: PlanSide, view: Viewport, width: number, height: number, rows: number): Cell {
    const place = this.cursor;
    if (place !== undefined) {
      const cell = this.#cellOn(side, place);
      const [x, y] = [(cell.key - view.left) * view.scale, (cell.query - view.top) * view.scale];
      if (x >= 0 && x < width && y >= 0 && y < height) return cell;
    }
    const middle = (first: number, pixels: number): number => Math.min(rows - 1, Math.max(0, Math.floor(first + pixels / 2 / view.scale)));
    return { key: middle(view.left, width), query: middle(view.top, height) };
  }

  #onKey(side: PlanSide, event: KeyboardEvent): void {
    if (this.#models === undefined || event.altKey) return;
    if (!this.#act(side, event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #act(side: PlanSide, event: KeyboardEvent): boolean {
    const canvas = this.#canvases[side];
    switch (event.key) {
      case '+':
      case '=':
        canvas.zoom(2);
        return true;
      case '-':
      case '_':
        canvas.zoom(0.5);
        return true;
      case '0':
        this.fit();
        return true;
      case ',':
        this.#options.onTurn(-1);
        return true;
      case '.':
        this.#options.onTurn(1);
        return true;
      case 'Enter':
        this.#toggleClose(side);
        return true;
      case 'Escape':
        this.#hovered = undefined;
        this.#chosen = undefined;
        this.#showCursor();
        return true;
    }
    const { layout, tiles } = this.#models![side];
    const place = this.cursor;
    const from = place === undefined ? undefined : this.#cellOn(side, place);
    const cell = moved(layout, from ?? { query: 0, key: 0 }, event, tiles.tile);
    if (cell === undefined) return false;
    this.#hovered = undefined;
    // The first key shows where one is.
    this.#chosen = { side, cell: from === undefined ? this.#firstCell(side) : cell };
    canvas.reveal(this.#chosen.cell);
    this.#follow(side);
    this.#showCursor();
    return true;
  }

  /** Where the keys begin: the corner of what is seen, on the diagonal. */
  #firstCell(side: PlanSide): Cell {
    const { view, extent } = this.#canvases[side];
    const row = Math.min(extent.rows - 1, Math.ceil(Math.max(view.left, view.top)));
    return { query: row, key: row };
  }

  /** From everything to single tokens around the cell, and back. */
  #toggleClose(side: PlanSide): void {
    const canvas = this.#canvases[side];
    if (canvas.view.scale >= TEXT_SCALE) {
      this.fit();
      return;
    }
    const place = this.cursor ?? { side, cell: this.#firstCell(side) };
    const { query, key } = this.#cellOn(side, place);
    const { extent } = canvas;
    const scale = TEXT_SCALE + 6;
    this.#chosen = place;
    this.#look(side, { scale, left: key - extent.width / scale / 2, top: query - extent.height / scale / 2 });
    this.#showCursor();
  }

  /** Row of the dataset that a token belongs to alone; -1 for none. */
  rowAt({ side, cell }: Place): number {
    const { layout } = this.#models![side];
    return layout.segmentRow[segmentAt(layout, cell.query)]!;
  }
}
