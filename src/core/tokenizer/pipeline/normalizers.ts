import { needsOniguruma, regularPattern, textPattern, type Pattern } from '../pattern/index.js';
import { isCombining, isControl, isNonspacing, isSpace, lowercaseOf } from '../unicode/code-points.js';
import { normalized, normalizedChanges, type Change, type NormalizationForm } from '../unicode/normalize.js';
import { byteLetters } from './bytes.js';
import type { JsonField } from './json.js';
import type { NormalizedString } from './normalized-string.js';
import { Charsmap } from './charsmap.js';

/** Changes a text before it is cut into pieces (`normalizers` of the Rust library). */
export type Normalizer = (text: NormalizedString) => void;

const pointOf = (letter: string): number => letter.codePointAt(0) as number;

/** @throws TokenizerJsonError for what is no normalizer */
export function readNormalizer(json: JsonField): Normalizer {
  const type = json.get('type').text;
  switch (type) {
    case 'Sequence': {
      const all = json.get('normalizers').items.map(readNormalizer);
      return (text) => {
        for (const normalizer of all) normalizer(text);
      };
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => normalize(text, type);
    case 'Lowercase':
      return lowercase;
    case 'Strip': {
      const [left, right] = [json.get('strip_left').flag, json.get('strip_right').flag];
      return (text) => strip(text, left, right);
    }
    case 'StripAccents':
      return (text) => text.filter((letter) => !isCombining(pointOf(letter)));
    case 'Nmt':
      return nmt;
    case 'Prepend': {
      const prefix = json.get('prepend').text;
      return (text) => text.prepend(prefix);
    }
    case 'Replace': {
      const pattern = readPattern(json.get('pattern'));
      const content = json.get('content').text;
      return (text) => text.replace(pattern.matches(text.text), content);
    }
    case 'ByteLevel':
      return (text) => text.expand(byteLetters);
    case 'BertNormalizer':
      return bert(json);
    case 'Precompiled': {
      const charsmap = Charsmap.read(json.get('precompiled_charsmap'));
      return (text) => charsmap.normalize(text);
    }
    default:
      throw json.get('type').error(`there is no normalizer "${type}"`);
  }
}

/** `{"String": …}` or `{"Regex": …}`. */
export function readPattern(json: JsonField): Pattern {
  const regular = json.get('Regex');
  return regular.isGiven ? regularPattern(regular.text) : textPattern(json.get('String').text);
}

/** Whether any pattern in a part of a tokenizer's JSON needs Oniguruma. */
export function usesOniguruma(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(usesOniguruma);
  if (typeof value !== 'object' || value === null) return false;
  const { Regex: regular, String: text } = value as Record<string, unknown>;
  if (typeof regular === 'string') return needsOniguruma(regular);
  return text === '' || Object.values(value).some(usesOniguruma);
}

function normalize(text: NormalizedString, form: NormalizationForm): void {
  if (text.isTracked) text.transform(normalizedChanges(text.text, form));
  else text.replaceText(normalized(text.text, form));
}

function lowercase(text: NormalizedString): void {
  // eslint-disable-next-line no-control-regex
  if (!text.isTracked && /^[\0-\x7f]*$/.test(text.text)) text.replaceText(text.text.toLowerCase());
  else text.expand(lowercaseOf);
}

function strip(text: NormalizedString, left: boolean, right: boolean): void {
  const letters = [...text.text];
  let begin = 0;
  let end = letters.length;
  while (left && begin < end && isSpace(pointOf(letters[begin] as string))) begin++;
  while (right && begin < end && isSpace(pointOf(letters[end - 1] as string))) end--;
  if (begin === 0 && end === letters.length) return;
  // The characters that go at the end belong to none; nobody asks for them.
  text.transform(
    letters.slice(begin, end).map((letter): Change => [letter, 0]),
    begin,
  );
}

/** Control characters that sentencepiece's rules for machine translation leave out, and what they take for a space. */
// eslint-disable-next-line no-control-regex
const NMT_LEFT_OUT = /^[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]$/;
const NMT_SPACE = /^[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]$/;

function nmt(text: NormalizedString): void {
  text.filter((letter) => !NMT_LEFT_OUT.test(letter));
  text.map((letter) => (NMT_SPACE.test(letter) ? ' ' : letter));
}

/** The blocks that BERT takes for Chinese. */
const CHINESE =
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u;

function bert(json: JsonField): Normalizer {
  const cleans = json.get('clean_text').flag;
  const partsChinese = json.get('handle_chinese_chars').flag;
  const lowers = json.get('lowercase').flag;
  const accents = json.get('strip_accents');
  const stripsAccents = accents.isGiven ? accents.flag : lowers;
  return (text) => {
    if (cleans) {
      text.filter((letter) => !isControl(pointOf(letter)));
      text.map((letter) => (isSpace(pointOf(letter)) ? ' ' : letter));
    }
    if (partsChinese) {
      text.transform(
        [...text.text].flatMap((letter): Change[] =>
          CHINESE.test(letter)
            ? [
                [' ', 0],
                [letter, 1],
                [' ', 1],
              ]
            : [[letter, 0]],
        ),
      );
    }
    if (stripsAccents) {
      normalize(text, 'NFD');
      text.filter((letter) => !isNonspacing(pointOf(letter)));
    }
    if (lowers) lowercase(text);
  };
}
