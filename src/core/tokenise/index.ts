export {
  findDataset,
  tokeniseDataset,
  type DatasetFile,
  type DatasetRequest,
  type FoundDataset,
  type TokenisedDataset,
} from './tokenise-dataset.js';
export type { TokenCounts } from './token-store.js';
