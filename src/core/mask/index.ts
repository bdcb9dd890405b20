export { explain, type Explanation, type Reason } from './explain.js';
export {
  blockAt,
  causalCells,
  lastAtMost,
  MASK_ROLES,
  type MaskLayout,
  type MaskRole,
  pathTo,
  rowCount,
  segmentAt,
  treeAt,
  visibleCells,
} from './layout.js';
export { classifyTiles, tileAt, type TileBlock, TileKind, type TileMap } from './tiles.js';
