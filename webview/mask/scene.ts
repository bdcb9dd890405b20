import { classifyTiles, type MaskLayout, type TileMap } from '../../src/core/mask/index.js';
import type { Theme } from '../ui/theme.js';
import { type Runs, runsOf } from './shapes.js';
import type { Cell, Extent, Viewport } from './viewport.js';

/** A layout, prepared for painting. */
export interface MaskModel {
  readonly layout: MaskLayout;
  readonly tiles: TileMap;
  readonly runs: Runs;
}

export function modelOf(layout: MaskLayout): MaskModel {
  return { layout, tiles: classifyTiles(layout), runs: runsOf(layout) };
}

/** Everything a picture of a mask depends on. */
export interface Scene {
  readonly model: MaskModel;
  readonly view: Viewport;
  /** The plot's size and the mask's. */
  readonly extent: Extent;
  readonly theme: Theme;
  readonly showTiles: boolean;
  /** The cell that is looked at. */
  readonly cursor: Cell | undefined;
  /** Text of a row's token; undefined while it is not known. */
  readonly text: (row: number) => string | undefined;
}

/** CSS pixels left of and above the plot, for the rulers. */
export const RULER_LEFT = 92;
export const RULER_TOP = 64;

/** From this scale on, tokens are wide enough for their text. */
export const TEXT_SCALE = 12;

/** A token's text on one line, with what would be invisible made visible. */
export function visibleText(text: string): string {
  return text.replace(/ /g, '·').replace(/\r?\n/g, '⏎').replace(/\t/g, '⇥');
}
