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
export { FAMILIES } from './families.js';
export { type Fields, readFields } from './fields.js';
export { inspectModel, type ModelInfo, modelWeights } from './inspect.js';
export { type ModelConfig, parameterCount, parseModelConfig, readModelConfig } from './config.js';
export { isWeightType, type StoredTensor } from './stored-tensor.js';
