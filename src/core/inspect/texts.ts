import { type MaskLayout, pathTo, segmentAt } from '../mask/index.js';
import type { ModelTokenizer } from '../tokenizer/index.js';
import type { PathPiece } from './messages.js';

/** Longest text of one token that is shown whole. */
const LONGEST_TOKEN = 40;
/** Most tokens of a path that are decoded; of longer ones the end, where the token is. */
const MOST_PATH_TOKENS = 2000;
const MOST_TOKENS_AFTER = 200;

type Decoder = Pick<ModelTokenizer, 'decode' | 'tokenText'>;

/** The text of a token alone. What is not whole characters is shown as the tokenizer writes it. */
export function tokenText(tokenizer: Decoder, id: number): string {
  const raw = tokenizer.tokenText(id);
  // SentencePiece marks a space so; decoding a token alone would drop it as the space before a text.
  if (raw.includes('▁')) return shortened(raw.replaceAll('▁', ' '));
  const text = tokenizer.decode([id]);
  return shortened(text === '' || text.includes('\uFFFD') ? raw : text);
}

function shortened(text: string): string {
  return text.length > LONGEST_TOKEN ? `${text.slice(0, LONGEST_TOKEN - 1)}…` : text;
}

/** The text of the path that a row lies on: from the root to the end of the row's segment. */
export function pathPieces(layout: MaskLayout, row: number, tokenizer: Decoder): PathPiece[] {
  const segment = segmentAt(layout, row);
  const pieces: PathPiece[] = [];
  const add = (at: number, begin: number, end: number, part: PathPiece['part']): void => {
    if (begin >= end) return;
    const text = tokenizer.decode(layout.tokens.subarray(begin, end));
    pieces.push({ role: layout.segmentRole[at]!, text, part });
  };
  let room = MOST_PATH_TOKENS;
  const before: [segment: number, begin: number, end: number][] = [];
  for (const at of pathTo(layout, segment).reverse()) {
    const end = at === segment ? row : layout.segmentEnd[at]!;
    const begin = Math.max(layout.segmentBegin[at]!, end - room);
    before.unshift([at, begin, end]);
    room -= end - begin;
    if (room <= 0) break;
  }
  for (const [at, begin, end] of before) add(at, begin, end, 'before');
  pieces.push({ role: layout.segmentRole[segment]!, text: tokenText(tokenizer, layout.tokens[row]!), part: 'token' });
  add(segment, row + 1, Math.min(layout.segmentEnd[segment]!, row + 1 + MOST_TOKENS_AFTER), 'after');
  const cut = room <= 0 && layout.position[row]! > MOST_PATH_TOKENS;
  if (cut && pieces[0] !== undefined) pieces[0] = { ...pieces[0], text: `…${pieces[0].text}` };
  return pieces;
}
