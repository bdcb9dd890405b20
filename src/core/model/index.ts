export {
  flopsByPart,
  forwardFlops,
  layerWeights,
  sumFlops,
  type BinWork,
  type Flops,
  type LlamaShape,
} from './flops.js';
export { inspectModel, type ModelInfo } from './inspect.js';
export type { LlamaConfig } from './config.js';
