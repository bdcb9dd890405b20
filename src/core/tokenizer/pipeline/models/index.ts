import type { JsonField } from '../json.js';
import { Bpe } from './bpe.js';
import type { Model } from './model.js';
import { Unigram } from './unigram.js';
import { WordLevel, WordPiece } from './words.js';

export { Bpe } from './bpe.js';
export type { Model } from './model.js';

/** @throws TokenizerJsonError for what is no model */
export function readModel(json: JsonField): Model {
  const type = json.get('type').isGiven ? json.get('type').text : typeOfOld(json);
  switch (type) {
    case 'BPE':
      return new Bpe(json);
    case 'Unigram':
      return new Unigram(json);
    case 'WordPiece':
      return new WordPiece(json);
    case 'WordLevel':
      return new WordLevel(json);
    default:
      throw json.get('type').error(`there is no model "${type}"`);
  }
}

/** Old files do not name the model's kind. */
function typeOfOld(json: JsonField): string {
  if (json.get('merges').isGiven) return 'BPE';
  if (json.get('max_input_chars_per_word').isGiven) return 'WordPiece';
  return json.get('unk_token').isGiven ? 'WordLevel' : 'Unigram';
}
