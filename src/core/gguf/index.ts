export { exportGguf, type GgufRequest, type GgufResult } from './export.js';
export { GGUF_TYPES, type GgufType } from './mix.js';
