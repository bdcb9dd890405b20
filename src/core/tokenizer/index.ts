export { TEMPLATE_NAMES, type TemplateName } from './fallback-templates.js';
export { lettersToBytes } from './pipeline/bytes.js';
export { standInTemplate } from './stand-in.js';
export { ModelTokenizer, type TokenizerDescription, tokenizerHash } from './tokenizer.js';
export { PairTokenizer, commonPrefix, type PairTokenizerOptions, type Renderings, type TokenOutcome, type TokenPair } from './pair.js';
