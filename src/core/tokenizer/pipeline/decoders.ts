import { lettersToBytes } from './bytes.js';
import type { JsonField } from './json.js';
import { PipelineError } from './normalized-string.js';
import { readPattern } from './normalizers.js';
import { readMetaspace } from './pre-tokenizers.js';

/** Makes text of tokens, step by step (`decoders` of the Rust library); what is left is joined. */
export type Decoder = (tokens: readonly string[]) => string[];

/** @throws TokenizerJsonError for what is no decoder */
export function readDecoder(json: JsonField): Decoder {
  const type = json.get('type').text;
  switch (type) {
    case 'Sequence': {
      const all = json.get('decoders').items.map(readDecoder);
      return (tokens) => all.reduce<string[]>((now, decode) => decode(now), [...tokens]);
    }
    case 'ByteLevel':
      return byteLevel;
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Replace': {
      const pattern = readPattern(json.get('pattern'));
      const content = json.get('content').text;
      return (tokens) => tokens.map((token) => replaced(token, pattern.matches(token), content));
    }
    case 'Strip': {
      const [letter, start, stop] = [json.get('content').letter, json.get('start').count, json.get('stop').count];
      return (tokens) => tokens.map((token) => strip(token, letter, start, stop));
    }
    case 'Metaspace': {
      const { replacement, scheme } = readMetaspace(json);
      return (tokens) => tokens.map((token, index) => token.replaceAll(replacement, () => (index === 0 && scheme !== 'never' ? '' : ' ')));
    }
    case 'WordPiece': {
      const [prefix, cleans] = [json.get('prefix').text, json.get('cleanup').flag];
      return (tokens) =>
        tokens.map((token, index) => {
          const whole = index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return cleans ? cleaned(whole) : whole;
        });
    }
    case 'BPEDecoder': {
      const suffix = json.get('suffix').text;
      return (tokens) => tokens.map((token, index) => replacedText(token, suffix, index === tokens.length - 1 ? '' : ' '));
    }
    case 'CTC':
      return ctc(json);
    default:
      throw json.get('type').error(`there is no decoder "${type}"`);
  }
}

/** Replaces a text everywhere; an empty one stands before and after each character. */
function replacedText(text: string, old: string, content: string): string {
  return old === '' ? content + [...text].map((letter) => letter + content).join('') : text.replaceAll(old, () => content);
}

function replaced(text: string, matches: readonly { readonly start: number; readonly end: number }[], content: string): string {
  let result = '';
  let last = 0;
  for (const { start, end } of matches) {
    result += text.slice(last, start) + content;
    last = end;
  }
  return result + text.slice(last);
}

/** Bytes as text; bytes that are none become U+FFFD. */
function textOf(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('utf8');
}

function byteLevel(tokens: readonly string[]): string[] {
  return [textOf(tokens.flatMap((token) => lettersToBytes(token) ?? [...Buffer.from(token, 'utf8')]))];
}

const strictly = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function byteFallback(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      result.push(strictly.decode(Uint8Array.from(bytes)));
    } catch {
      result.push(...bytes.map(() => '\ufffd'));
    }
    bytes = [];
  };
  for (const token of tokens) {
    // A sign is read too, so `<0x+A>` is a byte.
    const digits = /^<0x([0-9a-fA-F]{2}|\+[0-9a-fA-F])>$/.exec(token)?.[1];
    if (digits !== undefined) {
      bytes.push(parseInt(digits, 16));
      continue;
    }
    flush();
    result.push(token);
  }
  flush();
  return result;
}

function strip(token: string, letter: string, start: number, stop: number): string {
  const letters = [...token];
  let begin = 0;
  while (begin < start && begin < letters.length && letters[begin] === letter) begin++;
  let end = letters.length;
  for (let cut = 0; cut < stop; cut++) {
    // The Rust library ends with an error when it runs past the token's start.
    if (letters.length - cut - 1 < 0) throw new PipelineError('a token is shorter than what is stripped of it');
    if (letters[letters.length - cut - 1] !== letter) break;
    end = letters.length - cut - 1;
  }
  if (begin > end) throw new PipelineError('a token is shorter than what is stripped of it');
  return letters.slice(begin, end).join('');
}

const CLEANING: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Takes back what cutting English into words puts in. */
function cleaned(text: string): string {
  return CLEANING.reduce((now, [old, content]) => now.replaceAll(old, content), text);
}

function ctc(json: JsonField): Decoder {
  const [pad, delimiter, cleans] = [json.get('pad_token').text, json.get('word_delimiter_token').text, json.get('cleanup').flag];
  return (tokens) => {
    const result: string[] = [];
    for (const [index, token] of tokens.entries()) {
      if (token === tokens[index - 1]) continue;
      const text = replacedText(token, pad, '');
      const final = cleans ? replacedText(cleaned(text), delimiter, ' ') : text;
      if (final !== '') result.push(final);
    }
    return result;
  };
}
