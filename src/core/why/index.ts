export { explainChosen, type WhyAnswer, type WhyRequest } from './explain.js';
export type { ChangeGroup, ChangePart, PartName } from './decompose.js';
export type { Pattern } from './patterns.js';
export { type OptionChange, type Remedy, REMEDY_NAMES, type RemedyName, remedyOf, withRemedy } from './remedies.js';
export { TOKEN_PAIRS } from './limits.js';
export type { TokenAnswer } from './token-changes.js';
