export { ModelTokenizer } from './tokenizer.js';
export { PairTokenizer, commonPrefix, type TokenOutcome, type TokenPair } from './pair.js';
