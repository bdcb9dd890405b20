import { isSpace, isWord } from '../unicode/code-points.js';
import { TokenizerJsonError, type JsonField } from './json.js';
import { NormalizedString, PipelineError } from './normalized-string.js';
import type { Normalizer } from './normalizers.js';

/** A token that is found in the text before anything else happens to it (`AddedToken` of the Rust library). */
export interface AddedToken {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export const ADDED_TOKEN_FLAGS = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;

export function readAddedToken(json: JsonField): AddedToken {
  const [single_word, lstrip, rstrip, normalized, special] = ADDED_TOKEN_FLAGS.map((flag) => json.get(flag).flag);
  return { content: json.get('content').text, single_word, lstrip, rstrip, normalized, special } as AddedToken;
}

/** What the added tokens need to know of the model. */
export interface Vocabulary {
  readonly size: number;
  idOf(token: string): number | undefined;
}

/** A part of a text: a token's id, or text between tokens. */
export type Section = { readonly id: number } | { readonly id?: undefined; readonly start: number; readonly end: number };

/** The tokens beside a model's own (`AddedVocabulary`). */
export class AddedTokens {
  readonly #vocabulary: Vocabulary;
  readonly #normalizer: Normalizer | undefined;
  readonly #ids = new Map<string, number>();
  readonly #tokens = new Map<number, AddedToken>();
  readonly #special = new Set<string>();
  /** What a normalizer makes of tokens that are looked for in normalised text, where that is something else. */
  readonly #normalizedForms = new Map<number, string>();
  #finders: { readonly raw: Finder; readonly normalized: Finder } | undefined;

  constructor(
    vocabulary: Vocabulary,
    normalizer: Normalizer | undefined,
    /** Special tokens in a text are text (`encode_special_tokens`). */
    public splitsSpecial = false,
  ) {
    this.#vocabulary = vocabulary;
    this.#normalizer = normalizer;
  }

  /** Adds tokens; new ones get the ids after all there are. */
  add(tokens: readonly AddedToken[]): void {
    const { size } = this.#vocabulary;
    let next = size;
    for (const id of this.#tokens.keys()) next = Math.max(next, id + 1);
    for (const token of tokens) {
      const { content } = token;
      if (content === '') continue;
      const known = this.#ids.get(content);
      const same = known === undefined ? undefined : this.#tokens.get(known);
      if (same?.content === content && ADDED_TOKEN_FLAGS.every((flag) => same[flag] === token[flag])) continue;
      const id = known ?? this.#vocabulary.idOf(content) ?? next++;
      if (token.normalized && this.#normalizer) {
        let form = NormalizedString.plain(content, 0);
        this.#normalizer(form);
        if (form.unsure) {
          form = NormalizedString.tracked(content, 0);
          this.#normalizer(form);
        }
        if (form.text !== content) this.#normalizedForms.set(id, form.text);
      }
      this.#ids.set(content, id);
      if (token.special) this.#special.add(content);
      this.#tokens.set(id, token);
    }
    this.#finders = undefined;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** By id. */
  get all(): ReadonlyMap<number, AddedToken> {
    return this.#tokens;
  }

  isSpecial(token: string): boolean {
    return this.#special.has(token);
  }

  /** The text of an id before decoding. */
  textOf(id: number): string | undefined {
    return this.#normalizedForms.get(id) ?? this.#tokens.get(id)?.content;
  }

  /** Parts a text at the tokens that are looked for as they are. @throws TokenizerJsonError when tokens cannot be told apart */
  sections(text: string): Section[] {
    return this.#sectionsBy(this.makeFinders().raw, text);
  }

  /** Parts a normalised text at the other tokens. */
  normalizedSections(text: string): Section[] {
    return this.#sectionsBy(this.makeFinders().normalized, text);
  }

  /** @throws TokenizerJsonError when tokens cannot be told apart */
  makeFinders(): { readonly raw: Finder; readonly normalized: Finder } {
    if (this.#finders) return this.#finders;
    const raw: [string, number][] = [];
    const normalized: [string, number][] = [];
    for (const [id, token] of this.#tokens) {
      if (token.normalized) normalized.push([this.#normalizedForms.get(id) ?? token.content, id]);
      else raw.push([token.content, id]);
    }
    return (this.#finders = { raw: new Finder(raw), normalized: new Finder(normalized) });
  }

  #sectionsBy(finder: Finder, text: string): Section[] {
    if (text === '') return [];
    const sections: Section[] = [];
    let begin = 0;
    for (let found = finder.find(text, 0); found; found = finder.find(text, found.end)) {
      const token = this.#tokens.get(found.id) as AddedToken;
      if (this.splitsSpecial && this.#special.has(token.content)) continue;
      let { start, end: stop } = found;
      if (token.single_word && (isWordBefore(text, start) || isWordAt(text, stop))) continue;
      if (token.lstrip) {
        while (start > 0 && isSpace(text.charCodeAt(start - 1))) start--;
        start = Math.max(start, begin);
      }
      if (token.rstrip) while (stop < text.length && isSpace(text.charCodeAt(stop))) stop++;
      if (start > stop) throw new PipelineError(`the added token "${token.content}" lies in what another one takes`);
      if (begin < start) sections.push({ start: begin, end: start });
      if (start < stop) sections.push({ id: found.id });
      begin = stop;
    }
    if (begin < text.length) sections.push({ start: begin, end: text.length });
    return sections;
  }
}

const isWordAt = (text: string, at: number): boolean => at < text.length && isWord(text.codePointAt(at) as number);

function isWordBefore(text: string, at: number): boolean {
  if (at === 0) return false;
  const last = text.charCodeAt(at - 1);
  const isLow = last >= 0xdc00 && last <= 0xdfff && at > 1;
  return isWord(text.codePointAt(isLow ? at - 2 : at - 1) as number);
}

/** Finds texts, of several at one place the longest. */
class Finder {
  readonly #byFirst = new Map<number, { readonly text: string; readonly id: number }[]>();
  readonly #firsts: RegExp | undefined;

  constructor(entries: readonly (readonly [string, number])[]) {
    const seen = new Set<string>();
    for (const [text, id] of entries) {
      if (text === '') throw new TokenizerJsonError('the normalizer leaves nothing of an added token', 'added_tokens');
      if (seen.has(text)) {
        throw new TokenizerJsonError(`two added tokens are looked for as "${text}"`, 'added_tokens');
      }
      seen.add(text);
      const first = text.charCodeAt(0);
      const others = this.#byFirst.get(first);
      if (others) others.push({ text, id });
      else this.#byFirst.set(first, [{ text, id }]);
    }
    for (const list of this.#byFirst.values()) list.sort((a, b) => b.text.length - a.text.length);
    const units = [...this.#byFirst.keys()].map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`);
    if (units.length > 0) this.#firsts = new RegExp(`[${units.join('')}]`, 'g');
  }

  find(text: string, from: number): { readonly start: number; readonly end: number; readonly id: number } | undefined {
    const firsts = this.#firsts;
    if (!firsts) return undefined;
    firsts.lastIndex = from;
    while (firsts.test(text)) {
      const start = firsts.lastIndex - 1;
      for (const entry of this.#byFirst.get(text.charCodeAt(start)) ?? []) {
        if (text.startsWith(entry.text, start)) return { start, end: start + entry.text.length, id: entry.id };
      }
    }
    return undefined;
  }
}
