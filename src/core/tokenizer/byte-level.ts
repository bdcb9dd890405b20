import {
  BPE,
  ByteLevelPreTokenizer,
  SequencePreTokenizer,
  SplitPreTokenizer,
  type Tokenizer as HuggingFaceTokenizer,
} from '@huggingface/tokenizers';
import { PieceCache } from './pieces.js';
import type { TokenBuffer } from './token-buffer.js';

/** The parts of `tokenizer.json` that are looked at here. */
interface TokenizerJson {
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly lstrip?: boolean;
    readonly rstrip?: boolean;
    readonly special?: boolean;
    readonly normalized?: boolean;
  }[];
}

type AddedToken = TokenizerJson['added_tokens'][number];

/** One way of cutting text into pieces, and what does so where the fast way does not go on. */
interface Split {
  /** Sticky: matches the piece that begins where it looks. */
  readonly pattern: RegExp;
  readonly whole: (text: string) => readonly string[];
}

/**
 * Byte-level BPE (GPT-2, Llama 3, Qwen) for much text: the same ids as the library's own `encode`, without its arrays of
 * strings. The library still splits what is unusual and merges the pieces that are new.
 */
export class ByteLevelEncoder {
  private readonly pieces: PieceCache;
  private readonly added: ReadonlyMap<string, AddedToken>;
  /** Finds added tokens, of several at one place the longest; undefined when there are none. */
  private readonly finder: RegExp | undefined;

  private constructor(
    private readonly tokenizer: HuggingFaceTokenizer,
    model: BPE,
    added: readonly AddedToken[],
    private readonly splits: readonly Split[],
    private readonly prefixSpace: boolean,
  ) {
    this.added = new Map(added.map((token) => [token.content, token]));
    const contents = [...this.added.keys()].sort((a, b) => b.length - a.length);
    if (contents.length > 0) this.finder = new RegExp(contents.map(escaped).join('|'), 'g');
    this.pieces = new PieceCache((piece) =>
      model([inBytes(piece)]).map(
        (token) => this.added.get(token)?.id ?? model.tokens_to_ids.get(token) ?? model.unk_token_id ?? -1,
      ),
    );
  }

  /** The encoder for a tokenizer, or undefined when that is of another kind. `json`, `config`: what it was made of. */
  static of(tokenizer: HuggingFaceTokenizer, json: object, config: object): ByteLevelEncoder | undefined {
    const { model, normalizer, pre_tokenizer: preTokenizer } = tokenizer;
    const flags = config as { readonly remove_space?: unknown; readonly do_lowercase_and_remove_accent?: unknown };
    if (!(model instanceof BPE) || model.fuse_unk) return undefined;
    if (flags.remove_space === true || flags.do_lowercase_and_remove_accent === true) return undefined;
    const added = (json as TokenizerJson).added_tokens;
    if (added.some(({ content }) => content === '')) return undefined;
    // Such tokens are looked for a second time, in the normalised text.
    if (normalizer !== null && added.some(({ normalized, special }) => normalized ?? special !== true)) return undefined;
    const steps = preTokenizer instanceof SequencePreTokenizer ? preTokenizer.tokenizers : [preTokenizer];
    const last = steps.at(-1);
    if (!(last instanceof ByteLevelPreTokenizer) || (last.add_prefix_space && steps.length > 1)) return undefined;
    const splits: Split[] = [];
    for (const step of steps.slice(0, -1)) {
      if (!(step instanceof SplitPreTokenizer) || step.pattern === null || step.config.invert) return undefined;
      if (step.config.behavior?.toLowerCase() === 'removed') return undefined;
      splits.push({ pattern: sticky(step.pattern), whole: (text) => step.pre_tokenize_text(text) });
    }
    if (last.use_regex) {
      const { pattern } = last;
      splits.push({ pattern: sticky(pattern), whole: (text) => text.match(pattern) ?? [] });
    }
    return new ByteLevelEncoder(tokenizer, model, added, splits, last.add_prefix_space);
  }

  /** Appends the ids of a text without what the tokenizer puts around it; -1 where there is no token. */
  encode(text: string, into: TokenBuffer): void {
    const { finder } = this;
    let begin = 0;
    let strip = false;
    if (finder) finder.lastIndex = 0;
    for (let match = finder?.exec(text); finder && match; match = finder.exec(text)) {
      const token = this.added.get(match[0]) as AddedToken;
      this.between(text.slice(begin, match.index), strip, token.lstrip === true, into);
      into.push(token.id);
      begin = finder.lastIndex;
      strip = token.rstrip === true;
    }
    this.between(text.slice(begin), strip, false, into);
  }

  /** Text between two added tokens, which may strip it. */
  private between(text: string, stripStart: boolean, stripEnd: boolean, into: TokenBuffer): void {
    let section = stripStart ? text.trimStart() : text;
    if (stripEnd) section = section.trimEnd();
    if (section !== '') this.section(section, into);
  }

  private section(text: string, into: TokenBuffer): void {
    const { normalizer } = this.tokenizer;
    let section = normalizer === null ? text : normalizer(text);
    if (section === '') return;
    if (this.prefixSpace && !section.startsWith(' ')) section = ` ${section}`;
    this.split(section, 0, into);
  }

  private split(text: string, level: number, into: TokenBuffer): void {
    const split = this.splits[level];
    if (split === undefined) {
      this.pieces.encode(text, into);
      return;
    }
    const { pattern } = split;
    const start = into.length;
    let at = 0;
    while (at < text.length) {
      pattern.lastIndex = at;
      if (!pattern.test(text) || pattern.lastIndex === at) {
        // Text that the pattern leaves out: the library knows what becomes of it.
        into.length = start;
        for (const piece of split.whole(text)) this.split(piece, level + 1, into);
        return;
      }
      const end = pattern.lastIndex;
      this.split(text.slice(at, end), level + 1, into);
      at = end;
    }
  }
}

function sticky(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace('g', 'y'));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** A printable character for each byte, as byte-level BPE writes them (GPT-2's `bytes_to_unicode`). */
const byteLetters: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

function inBytes(piece: string): string {
  let letters = '';
  for (const byte of Buffer.from(piece, 'utf8')) letters += byteLetters[byte] as string;
  return letters;
}
