export {
  findDataset,
  tokeniseDataset,
  type DatasetFile,
  type DatasetRequest,
  type FoundDataset,
  type TokenisedDataset,
} from './tokenise-dataset.js';
export type { ThreadOptions } from './tokenise-file.js';
export type { TokenCounts } from './token-store.js';
