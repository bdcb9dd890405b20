export { equalExact } from './equal.js';
export { fileKey, storedKey } from './keys.js';
export { float, integer, isNumber, numberOf } from './numbers.js';
export { parseExact, parseExactRow } from './parse.js';
export { exactText } from './text.js';
