import path from 'node:path';
import { WishboneError } from '../../errors.js';
import { mostBytes, readPlain } from '../../files/plain-file.js';
import { unlessMissing } from '../../files/unless-missing.js';

/** What a token is to llama.cpp (llama.h, llama_token_type), as SentencePiece has it. */
export const TokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A token with the score that decides which pieces are merged first. */
export interface Piece {
  readonly text: string;
  readonly score: number;
  readonly kind: number;
}

/**
 * Reads the pieces of a SentencePiece model: a protocol buffer whose field 1 holds a piece each (text 1, score 2, type 3).
 *
 * @returns undefined when the folder has no `tokenizer.model`
 * @throws WishboneError when the file is none
 */
export async function readPieces(folder: string): Promise<Piece[] | undefined> {
  const file = path.join(folder, 'tokenizer.model');
  const bytes = await unlessMissing(file, () => readPlain(file, mostBytes.tokenizer));
  if (bytes === undefined) return undefined;
  try {
    return [...fieldsOf(bytes)].flatMap(({ number, bytes: piece }) => (number === 1 && piece !== undefined ? [pieceOf(piece)] : []));
  } catch {
    throw new WishboneError('the file is no SentencePiece model', file, 'copy it again from where the model came from');
  }
}

function pieceOf(bytes: Buffer): Piece {
  let [text, score, type]: [string, number, number] = ['', 0, TokenKind.normal];
  for (const { number, bytes: value, whole } of fieldsOf(bytes)) {
    if (number === 1) text = value!.toString('utf8');
    else if (number === 2) score = value!.readFloatLE(0);
    else if (number === 3) type = whole!;
  }
  // The converter goes by what the model says of control, unknown, unused and byte tokens; the rest is normal.
  return { text, score, kind: type === TokenKind.userDefined ? TokenKind.normal : type };
}

interface WireField {
  readonly number: number;
  /** Of a text, a message or a number of fixed size. */
  readonly bytes?: Buffer;
  readonly whole?: number;
}

/** The fields of a protocol buffer message. */
function* fieldsOf(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): number => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || factor > 2 ** 56) throw new RangeError('cut off');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) {
      yield { number, whole: varint() };
      continue;
    }
    const length = wire === 2 ? varint() : wire === 5 ? 4 : wire === 1 ? 8 : Infinity;
    if (at + length > bytes.length) throw new RangeError('cut off');
    yield { number, bytes: bytes.subarray(at, at + length) };
    at += length;
  }
}

/**
 * The pieces of a `tokenizer.json` that was made from a SentencePiece model which is not there: llama.cpp merges by the score of
 * what a merge makes, so the merges must be those of one token after the other, each token's all of them.
 *
 * @param isPiece false for special tokens, the unknown one among them
 * @throws WishboneError when they are not
 */
export function piecesFromMerges(
  vocab: Readonly<Record<string, number>>,
  merges: readonly (readonly [string, string])[],
  isPiece: (id: number) => boolean,
  file: string,
): Piece[] {
  const has = (token: string): boolean => Object.hasOwn(vocab, token);
  const ranks = new Map<string, number>();
  const counts = new Map<string, number>();
  let last: string | undefined;
  for (const [first, second] of merges) {
    const made = first + second;
    if (made !== last && ranks.has(made)) throw notSentencePiece(`merges of "${made}" stand in several places`, file);
    if (!ranks.has(made)) ranks.set(made, ranks.size);
    counts.set(made, (counts.get(made) ?? 0) + 1);
    last = made;
  }
  for (const [token, count] of counts) {
    let ways = 0;
    for (let i = 1; i < token.length; i++) if (has(token.slice(0, i)) && has(token.slice(i))) ways++;
    if (ways !== count) throw notSentencePiece(`"${token}" can be merged in ${ways} ways, but the merges name ${count}`, file);
  }
  const pieces: Piece[] = [];
  // Single characters are never made by a merge; they stand behind the others, as SentencePiece puts them.
  let next = ranks.size;
  for (const [text, id] of Object.entries(vocab).sort(([, a], [, b]) => a - b)) {
    const rank = ranks.get(text);
    if (/^<0x[0-9A-F]{2}>$/.test(text)) pieces[id] = { text, score: 0, kind: TokenKind.byte };
    else if (!isPiece(id)) pieces[id] = { text, score: 0, kind: TokenKind.unknown };
    else pieces[id] = { text, score: -(rank ?? next++), kind: TokenKind.normal };
  }
  return pieces;
}

function notSentencePiece(why: string, file: string): WishboneError {
  return new WishboneError(
    `llama.cpp merges as SentencePiece does, and this tokenizer does not: ${why}`,
    `${file}, field "model.merges"`,
    'put the tokenizer.model of the base model into the folder, if it has one',
  );
}
