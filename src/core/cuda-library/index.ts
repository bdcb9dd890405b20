export type { Network } from '../download/index.js';
export { LIBRARY, LIBRARY_VARIABLE, libraryFile, librarySize, removeLibrary, useLibrary, userFolder } from './library.js';
export {
  discardFetched,
  fetchLibrary,
  type GpuState,
  gpuState,
  mebibytes,
  planSetUp,
  type SetUpOptions,
  type SetUpPlan,
  stateOfBackends,
  unpackedSize,
} from './set-up.js';
export { DEFAULT_INDEX, type Wheel } from './wheel-index.js';
