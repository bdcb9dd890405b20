export { explain, type Explanation, type Reason, REASONS } from './explain.js';
export {
  blockAt,
  causalCells,
  lastAtMost,
  MASK_ROLES,
  type MaskLayout,
  type MaskRole,
  pathTo,
  roleOf,
  rowCount,
  segmentAt,
  treeAt,
  visibleCells,
} from './layout.js';
export { classifyTiles, tileAt, type TileBlock, TileKind, type TileMap } from './tiles.js';
