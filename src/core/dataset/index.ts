export { Dataset, type RowOutcome } from './read.js';
export {
  formDescriptions,
  type DatasetForm,
  type Message,
  type MessagePair,
  type PairText,
  type RowPlace,
  type TextPair,
} from './types.js';
