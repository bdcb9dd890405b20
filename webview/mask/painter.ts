import { TileKind } from '../../src/core/mask/index.js';
import { roleColors } from '../ui/roles.js';
import { withAlpha } from '../ui/theme.js';
import { RULER_LEFT, RULER_TOP, type Scene } from './scene.js';
import { paintRulers } from './rulers.js';
import { shapesIn, thinned } from './shapes.js';
import type { Surface } from './surface.js';
import { seen } from './viewport.js';

/** Below this size of a tile its grid would be a grey wash. */
const SMALLEST_GRID = 9;
/** From this scale on, cells are told apart by lines. */
const CELL_SCALE = 9;
/** From this scale on, every query's own step is drawn; below it a slope looks the same. */
const STAIRS_SCALE = 2;

/** Paints a mask with its rulers: plot at (RULER_LEFT, RULER_TOP). */
export function paintMask(surface: Surface, scene: Scene): void {
  const { extent, theme } = scene;
  const { width, height } = extent;
  surface.rect(0, 0, RULER_LEFT + width, RULER_TOP + height, theme.background);
  surface.clipped(RULER_LEFT, RULER_TOP, width, height, () => {
    paintTileKinds(surface, scene);
    paintCells(surface, scene);
    paintGrids(surface, scene);
    paintCursor(surface, scene);
  });
  paintRulers(surface, scene);
  surface.frame(RULER_LEFT - 0.5, RULER_TOP - 0.5, width + 1, height + 1, withAlpha(theme.grid, frameAlpha(scene)), 1);
}

function frameAlpha({ theme }: Scene): number {
  return theme.highContrast ? 1 : 0.5;
}

/** Pixels of a token's edge. */
function toX({ view }: Scene, key: number): number {
  return RULER_LEFT + (key - view.left) * view.scale;
}

function toY({ view }: Scene, query: number): number {
  return RULER_TOP + (query - view.top) * view.scale;
}

/** What attention computes: a light ground below the diagonal, a warm one for tiles that are masked cell by cell. */
function paintTileKinds(surface: Surface, scene: Scene): void {
  const { model, view, extent, theme, showTiles } = scene;
  const { tile, blocks } = model.tiles;
  const ground = withAlpha(theme.foreground, theme.highContrast ? 0.16 : 0.07);
  const partial = withAlpha(theme.warning, theme.highContrast ? 0.6 : 0.4);
  const [firstQuery, lastQuery] = seen(view.top, extent.height, view.scale, extent.rows);
  const [firstKey, lastKey] = seen(view.left, extent.width, view.scale, extent.rows);
  for (const { begin, rows, side, kinds } of blocks) {
    if (begin >= lastQuery || begin + rows <= firstQuery) continue;
    const from = Math.max(0, Math.floor((firstQuery - begin) / tile));
    const to = Math.min(side, Math.ceil((lastQuery - begin) / tile));
    for (let row = from; row < to; row++) {
      const [top, bottom] = [toY(scene, begin + row * tile), toY(scene, begin + Math.min(rows, (row + 1) * tile))];
      const right = begin + Math.min(rows, (row + 1) * tile);
      surface.rect(toX(scene, begin), top, toX(scene, right) - toX(scene, begin), bottom - top, ground);
      if (!showTiles) continue;
      // Neighbours of a kind as one rectangle. Full tiles are wholly covered by cells.
      const columns = Math.min(row + 1, Math.ceil((lastKey - begin) / tile));
      for (let column = Math.max(0, Math.floor((firstKey - begin) / tile)); column < columns; column++) {
        if (kinds[row * side + column] !== TileKind.partial) continue;
        const first = column;
        while (column + 1 < columns && kinds[row * side + column + 1] === TileKind.partial) column++;
        const [left, end] = [begin + first * tile, begin + Math.min(rows, (column + 1) * tile)];
        surface.rect(toX(scene, left), top, toX(scene, end) - toX(scene, left), bottom - top, partial);
      }
    }
  }
}

/** The visible cells, in the colour of what is looked at. */
function paintCells(surface: Surface, scene: Scene): void {
  const { model, view, extent, theme } = scene;
  const [top, bottom] = seen(view.top, extent.height, view.scale, extent.rows);
  const [left, right] = seen(view.left, extent.width, view.scale, extent.rows);
  const colors = roleColors(theme);
  const runs = thinned(model.runs, 0.5 / view.scale);
  for (const { kind, segment, ...shape } of shapesIn(runs, { left, right, top, bottom })) {
    const color = colors[model.layout.segmentRole[segment]!]!;
    const [x, y] = [toX(scene, shape.left), toY(scene, shape.top)];
    if (kind === 'block') {
      surface.rect(x, y, (shape.right - shape.left) * view.scale, (shape.bottom - shape.top) * view.scale, color);
      continue;
    }
    const points: number[] = [x, y];
    if (view.scale < STAIRS_SCALE) {
      // Half a step inside the corners: as many cells on one side of the slope as are left out on the other.
      const end = Math.min(shape.right, shape.bottom);
      points.push(toX(scene, Math.min(end, shape.top + 1)), y, toX(scene, end), toY(scene, end));
      points.push(toX(scene, end), toY(scene, shape.bottom));
    } else {
      for (let query = shape.top; query < shape.bottom; query++) {
        const edge = toX(scene, Math.min(shape.right, query + 1));
        points.push(edge, toY(scene, query), edge, toY(scene, query + 1));
      }
    }
    points.push(x, toY(scene, shape.bottom));
    surface.polygon(points, color);
  }
}

function paintGrids(surface: Surface, scene: Scene): void {
  const { model, view, extent, theme, showTiles } = scene;
  const [top, bottom] = seen(view.top, extent.height, view.scale, extent.rows);
  const [left, right] = seen(view.left, extent.width, view.scale, extent.rows);
  if (view.scale >= CELL_SCALE) {
    const line = withAlpha(theme.background, 0.55);
    for (let query = top; query <= bottom; query++) {
      surface.line(toX(scene, left), toY(scene, query), toX(scene, right), toY(scene, query), line, 1);
    }
    for (let key = left; key <= right; key++) {
      surface.line(toX(scene, key), toY(scene, top), toX(scene, key), toY(scene, bottom), line, 1);
    }
  }
  const { tile, blocks } = model.tiles;
  const grid = withAlpha(theme.foreground, theme.highContrast ? 0.8 : 0.28);
  for (const { begin, rows, side } of blocks) {
    const end = begin + rows;
    if (begin >= bottom || end <= top) continue;
    if (showTiles && tile * view.scale >= SMALLEST_GRID) {
      for (let at = Math.max(1, Math.floor((top - begin) / tile)); at < side; at++) {
        const edge = begin + at * tile;
        if (edge > bottom) break;
        surface.line(toX(scene, begin), toY(scene, edge), toX(scene, Math.min(end, edge + tile)), toY(scene, edge), grid, 1);
      }
      for (let at = Math.max(1, Math.floor((left - begin) / tile)); at < side; at++) {
        const edge = begin + at * tile;
        if (edge > right) break;
        surface.line(toX(scene, edge), toY(scene, Math.max(begin, edge - tile)), toX(scene, edge), toY(scene, end), grid, 1);
      }
    }
    if (blocks.length > 1) {
      const size = rows * view.scale;
      surface.frame(toX(scene, begin), toY(scene, begin), size, size, withAlpha(theme.foreground, 0.7), 1);
    }
  }
}

/** The row of the token that looks, the column of the one that is looked at, and the cell where they meet. */
function paintCursor(surface: Surface, scene: Scene): void {
  const { cursor, view, extent, theme } = scene;
  if (cursor === undefined) return;
  const size = Math.max(1, view.scale);
  const [x, y] = [toX(scene, cursor.key), toY(scene, cursor.query)];
  const band = withAlpha(theme.foreground, view.scale > 3 ? 0.16 : 0.45);
  surface.rect(RULER_LEFT, y, extent.width, size, band);
  surface.rect(x, RULER_TOP, size, extent.height, band);
  const room = Math.max(0, (7 - size) / 2);
  surface.frame(x - room - 0.5, y - room - 0.5, size + 2 * room + 1, size + 2 * room + 1, theme.background, 4);
  surface.frame(x - room - 0.5, y - room - 0.5, size + 2 * room + 1, size + 2 * room + 1, theme.foreground, 2);
}
