export { checkAdapter } from './adapter.js';
export {
  flopsByPart,
  forwardFlops,
  layerWeights,
  sumFlops,
  type BinWork,
  type Flops,
  type LlamaShape,
  type SlidingWindow,
} from './flops.js';
export { inspectModel, type ModelInfo } from './inspect.js';
export type { ModelConfig } from './config.js';
