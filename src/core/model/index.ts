export { forwardFlops, type BinWork, type LlamaShape } from './flops.js';
export { inspectModel, type ModelInfo } from './inspect.js';
export type { LlamaConfig } from './config.js';
