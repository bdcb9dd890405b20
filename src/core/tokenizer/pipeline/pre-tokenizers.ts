import { regularPattern, type Pattern } from '../pattern/index.js';
import { isNumeric, isPunctuation, isSpace, isWord, scriptOf } from '../unicode/code-points.js';
import { byteLetters } from './bytes.js';
import type { JsonField } from './json.js';
import type { NormalizedString, Span } from './normalized-string.js';
import { readPattern } from './normalizers.js';
import { matchingCharacters, splitAt, SPLIT_BEHAVIORS, type SplitBehavior } from './split.js';

/** A step that cuts a text into parts. */
export interface Cut {
  readonly kind: 'cut';
  parts(text: string): Span[];
  /** Given when every match is a part of its own, and so is all between matches. */
  readonly isolated?: Pattern | undefined;
}

/** A step that changes a text. */
export interface Change {
  readonly kind: 'change';
  /** @param isFirst whether the text begins where the whole text does */
  apply(text: string, isFirst: boolean): string;
  applyTracked(text: NormalizedString): void;
  /** Whether it asks if the text is the first. */
  readonly asksFirst?: boolean;
  /** Whether it writes a text as its bytes (`byteLetters`), and no more. */
  readonly toBytes?: boolean;
}

/** Pre-tokenizers of the Rust library, taken apart. Every step is taken with every part that the ones before made. */
export type Step = Cut | Change;

/** The pattern of GPT-2. */
const WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** @throws TokenizerJsonError for what is no pre-tokenizer */
export function readPreTokenizer(json: JsonField): Step[] {
  const type = json.get('type').text;
  switch (type) {
    case 'Sequence':
      return json.get('pretokenizers').items.flatMap(readPreTokenizer);
    case 'ByteLevel':
      return byteLevel(json);
    case 'Metaspace':
      return metaspace(json);
    case 'Split':
      return [split(json)];
    case 'Whitespace':
      return [cut((text) => splitAt(text, wordsAndSigns(text), 'Removed', true))];
    case 'WhitespaceSplit':
      return [characters(isSpace, 'Removed')];
    case 'Punctuation':
      return [characters(isPunctuation, json.get('behavior').isGiven ? readBehavior(json) : 'Isolated')];
    case 'Digits':
      return [characters(isNumeric, json.get('individual_digits').flag ? 'Isolated' : 'Contiguous')];
    case 'BertPreTokenizer':
      return [characters(isSpace, 'Removed'), characters(isPunctuation, 'Isolated')];
    case 'CharDelimiterSplit':
    case 'Delimiter': {
      const delimiter = json.get('delimiter').letter.codePointAt(0);
      return [characters((point) => point === delimiter, 'Removed')];
    }
    case 'UnicodeScripts':
      return [cut(scripts)];
    case 'FixedLength': {
      const length = json.get('length').isGiven ? json.get('length').count : 5;
      if (length === 0) throw json.get('length').error('the length must be at least 1');
      return [cut((text) => fixedLengths(text, length))];
    }
    default:
      throw json.get('type').error(`there is no pre-tokenizer "${type}"`);
  }
}

const cut = (parts: (text: string) => Span[]): Cut => ({ kind: 'cut', parts });

const characters = (holds: (point: number) => boolean, behavior: SplitBehavior): Cut =>
  cut((text) => splitAt(text, matchingCharacters(text, holds), behavior));

const readBehavior = (json: JsonField): SplitBehavior => json.get('behavior').oneOf(SPLIT_BEHAVIORS);

const isolating = (pattern: Pattern): Cut => ({
  kind: 'cut',
  parts: (text) => splitAt(text, pattern.matches(text), 'Isolated'),
  isolated: pattern,
});

function split(json: JsonField): Cut {
  const pattern = readPattern(json.get('pattern'));
  const behavior = readBehavior(json);
  const invert = json.get('invert').flag;
  if (behavior === 'Isolated') return isolating(pattern);
  return cut((text) => splitAt(text, pattern.matches(text), behavior, invert));
}

function byteLevel(json: JsonField): Step[] {
  const addsSpace = json.get('add_prefix_space').flag;
  json.get('trim_offsets').flag;
  const usesPattern = json.get('use_regex').isGiven ? json.get('use_regex').flag : true;
  const space: Change = {
    kind: 'change',
    apply: (text) => (text.startsWith(' ') ? text : ` ${text}`),
    applyTracked: (text) => {
      if (!text.text.startsWith(' ')) text.prepend(' ');
    },
  };
  const bytes: Change = {
    kind: 'change',
    apply: byteLetters,
    applyTracked: (text) => text.expand(byteLetters),
    toBytes: true,
  };
  return [...(addsSpace ? [space] : []), ...(usesPattern ? [isolating(regularPattern(WORDS))] : []), bytes];
}

/** What the pre-tokenizer and the decoder have in common. */
export function readMetaspace(json: JsonField): { replacement: string; scheme: 'first' | 'never' | 'always'; splits: boolean } {
  const replacement = json.get('replacement').letter;
  const given = json.get('prepend_scheme');
  const scheme = given.value === undefined ? 'always' : given.oneOf(['first', 'never', 'always']);
  const old = json.get('add_prefix_space');
  if (old.isGiven && !old.flag && scheme !== 'never') {
    throw old.error('it is false, which goes with the prepend_scheme "never" only');
  }
  const splits = json.get('split');
  return { replacement, scheme, splits: splits.isGiven ? splits.flag : true };
}

function metaspace(json: JsonField): Step[] {
  const { replacement, scheme, splits } = readMetaspace(json);
  const spaces = (text: string): string => text.replaceAll(' ', () => replacement);
  const change: Change = {
    kind: 'change',
    asksFirst: scheme === 'first',
    apply: (text, isFirst) => {
      const changed = spaces(text);
      const prepends = scheme === 'always' || (scheme === 'first' && isFirst);
      return prepends && !changed.startsWith(replacement) ? replacement + changed : changed;
    },
    applyTracked: (text) => {
      text.replace(
        matchingCharacters(text.text, (point) => point === 0x20),
        replacement,
      );
      const prepends = scheme === 'always' || (scheme === 'first' && text.shift === 0);
      if (prepends && !text.text.startsWith(replacement)) text.prepend(replacement);
    },
  };
  if (!splits) return [change];
  const point = replacement.codePointAt(0);
  return [change, characters((other) => other === point, 'MergedWithNext')];
}

/** `\w+|[^\w\s]+` of the regex crate. */
function wordsAndSigns(text: string): Span[] {
  const spans: Span[] = [];
  let start = 0;
  let kind = 0;
  for (let at = 0; at < text.length; ) {
    const point = text.codePointAt(at) as number;
    const own = isWord(point) ? 1 : isSpace(point) ? 0 : 2;
    if (own !== kind) {
      if (kind !== 0) spans.push({ start, end: at });
      start = at;
      kind = own;
    }
    at += point > 0xffff ? 2 : 1;
  }
  if (kind !== 0) spans.push({ start, end: text.length });
  return spans;
}

/** Cuts where the script changes. What belongs to any script goes with what is before it, but never begins a part. */
function scripts(text: string): Span[] {
  const begins: number[] = [];
  let last: number | undefined;
  for (let at = 0; at < text.length; ) {
    const point = text.codePointAt(at) as number;
    const script = scriptOf(point);
    if (script !== 0 && last !== script) begins.push(at);
    if (script !== 0) last = script;
    at += point > 0xffff ? 2 : 1;
  }
  return begins.map((start, index) => ({ start, end: begins[index + 1] ?? text.length }));
}

function fixedLengths(text: string, length: number): Span[] {
  const spans: Span[] = [];
  let start = 0;
  let letters = 0;
  for (let at = 0; at < text.length; ) {
    at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
    if (++letters % length === 0 || at === text.length) {
      spans.push({ start, end: at });
      start = at;
    }
  }
  return spans;
}
