import { OnigurumaPattern } from './oniguruma.js';
import { TextPattern, TranslatedPattern, type Pattern } from './pattern.js';
import { translate } from './translate.js';

export { loadOniguruma } from './oniguruma.js';
export { MATCHING, PatternError, TranslatedPattern, type Pattern } from './pattern.js';
export { secondsFor, TimeLimitError, withinTime } from './time-limit.js';

/** Whether a pattern needs `loadOniguruma`. */
export const needsOniguruma = (source: string): boolean => translate(source) === undefined;

/** A regular expression as Oniguruma reads it. @throws PatternError when it cannot be used */
export function regularPattern(source: string): Pattern {
  const translation = translate(source);
  return translation === undefined ? new OnigurumaPattern(source) : new TranslatedPattern(source, translation);
}

/** A text that is looked for. An empty one is found everywhere, as by a regular expression. */
export function textPattern(text: string): Pattern {
  return text === '' ? new OnigurumaPattern('') : new TextPattern(text);
}
