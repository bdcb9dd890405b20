export { exportGguf } from './export.js';
export { exportForOllama, type GgufExport, type WrittenGguf } from './for-ollama.js';
export { GGUF_TYPES, type GgufType } from './mix.js';
export type { GgufRequest, GgufResult } from './request.js';
export { type GgufPush, type GgufUpload, ggufUpload, hasGguf, pushGguf } from './upload.js';
