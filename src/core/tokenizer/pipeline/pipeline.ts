import { isWellFormed } from '../../text/well-formed.js';
import { MATCHING, TranslatedPattern } from '../pattern/index.js';
import { PieceCache } from '../pieces.js';
import type { TokenBuffer } from '../token-buffer.js';
import { AddedTokens, readAddedToken, type AddedToken } from './added-tokens.js';
import { byteLetters } from './bytes.js';
import { readDecoder, type Decoder } from './decoders.js';
import { JsonField } from './json.js';
import { readModel, type Model } from './models/index.js';
import { NormalizedString, PipelineError } from './normalized-string.js';
import { readNormalizer, type Normalizer } from './normalizers.js';
import { readPostProcessor, type Frame, type PostProcessor } from './post-processors.js';
import { readPreTokenizer, type Change, type Step } from './pre-tokenizers.js';

export interface PipelineOptions {
  /** Takes the slow way with every text, so that it can be held against the ordinary one. */
  readonly tracksAll?: boolean;
}

/**
 * `tokenizer.json` as Hugging Face's `tokenizers` 0.23 (Rust) runs it: normalizer, pre-tokenizer, model, post-processor,
 * decoder, and the tokens beside the model's. Written after that library's source, and held against it in every kind and
 * option; what cannot be done exactly ends with an error.
 *
 * A text takes one of two ways. The ordinary one works on strings and remembers pieces. The other keeps for every character
 * where it comes from, as the Rust library always does; it is taken only where that decides what becomes of the text.
 */
export class Pipeline {
  readonly #normalizer: Normalizer | undefined;
  readonly #allSteps: readonly Step[];
  readonly #decoder: Decoder | undefined;
  #frameOf: (addsSpecial: boolean) => Frame;
  readonly #tracksAll: boolean;
  readonly added: AddedTokens;
  readonly #pieces: PieceCache;
  /** Steps of the pre-tokenizer, but for writing bytes at the end, which is done once for every new piece. */
  readonly #steps: readonly Step[];
  readonly #endsInBytes: boolean;
  /** Whether what became of the start of the original is asked for, and not before another step has changed the text. */
  readonly #asksFirst: 'no' | 'yes' | 'late';
  #frames: { readonly bare: Frame; readonly special: Frame } | undefined;

  private constructor(
    readonly model: Model,
    normalizer: Normalizer | undefined,
    allSteps: readonly Step[],
    decoder: Decoder | undefined,
    frameOf: (addsSpecial: boolean) => Frame,
    tracksAll: boolean,
  ) {
    this.#normalizer = normalizer;
    this.#allSteps = allSteps;
    this.#decoder = decoder;
    this.#frameOf = frameOf;
    this.#tracksAll = tracksAll;
    this.added = new AddedTokens(model, normalizer);
    const last = allSteps.at(-1);
    this.#endsInBytes = last?.kind === 'change' && last.toBytes === true;
    this.#steps = this.#endsInBytes ? allSteps.slice(0, -1) : allSteps;
    this.#asksFirst = firstAsked(allSteps);
    const endsInBytes = this.#endsInBytes;
    this.#pieces = new PieceCache((piece) => model.tokenize(endsInBytes ? byteLetters(piece) : piece));
  }

  /** @throws TokenizerJsonError naming the field that is missing or wrong, PatternError for a pattern that cannot be read */
  static read(value: unknown, { tracksAll = false }: PipelineOptions = {}): Pipeline {
    const json = new JsonField(value, '');
    const part = <T>(key: string, read: (field: JsonField) => T): T | undefined =>
      json.get(key).isGiven ? read(json.get(key)) : undefined;
    const version = json.get('version');
    if (version.isGiven && version.text !== '1.0') throw version.error(`version "${version.text}" is not known`);
    const pipeline = new Pipeline(
      readModel(json.get('model')),
      part('normalizer', readNormalizer),
      part('pre_tokenizer', readPreTokenizer) ?? [],
      part('decoder', readDecoder),
      frameBy(part('post_processor', readPostProcessor)),
      tracksAll,
    );
    pipeline.added.add(part('added_tokens', (field) => field.items.map(readAddedToken)) ?? []);
    return pipeline;
  }

  /** Adds tokens as the library's `add_tokens` does: one that the vocabulary lacks gets the next id. */
  addTokens(tokens: readonly AddedToken[]): void {
    this.added.add(tokens);
  }

  /** Takes another post-processor than the file's. @throws TokenizerJsonError when it is none */
  setPostProcessor(json: JsonField): void {
    this.#frameOf = frameBy(readPostProcessor(json));
    this.#frames = undefined;
  }

  idOf(token: string): number | undefined {
    return this.added.idOf(token) ?? this.model.idOf(token);
  }

  /** A token as decoding begins with it. */
  tokenOf(id: number): string | undefined {
    return this.added.textOf(id) ?? this.model.tokenOf(id);
  }

  /** What is put around a text. @throws PipelineError when a post-processor cannot do it */
  frame(addsSpecial: boolean): Frame {
    this.#frames ??= { bare: this.#frameOf(false), special: this.#frameOf(true) };
    return addsSpecial ? this.#frames.special : this.#frames.bare;
  }

  /**
   * Appends the ids of a text.
   *
   * @param addsSpecial whether to put around it what the post-processor does
   * @throws PipelineError, PatternError when the text cannot be tokenised as the library does
   */
  encode(text: string, addsSpecial: boolean, into: TokenBuffer): void {
    const frame = this.frame(addsSpecial);
    if (!frame.includes('text')) {
      // Nothing of the text is kept, but what cannot be tokenised fails all the same.
      const begin = into.length;
      this.#encodeText(text, into);
      into.length = begin;
    }
    for (const part of frame) {
      if (part === 'text') this.#encodeText(text, into);
      else into.push(part);
    }
  }

  /** The text of ids, special tokens included. Bytes that are no characters become U+FFFD. */
  decode(ids: Iterable<number>): string {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.tokenOf(id);
      if (token !== undefined) tokens.push(token);
    }
    return this.#decoder ? this.#decoder(tokens).join('') : tokens.join(' ');
  }

  #encodeText(text: string, into: TokenBuffer): void {
    if (!isWellFormed(text)) throw new PipelineError('the text has half of a surrogate pair, which is not a character');
    for (const section of this.added.sections(text)) {
      if (section.id !== undefined) into.push(section.id);
      else this.#encodeSection(text.slice(section.start, section.end), section.start, into);
    }
  }

  /** Text between tokens that are looked for as they are. */
  #encodeSection(text: string, start: number, into: TokenBuffer): void {
    if (this.#tracksAll) {
      this.#encodeTracked(text, start, into);
      return;
    }
    const mark = into.length;
    let whole: NormalizedString | undefined;
    if (this.#normalizer) {
      whole = NormalizedString.plain(text, start);
      this.#normalizer(whole);
    }
    const changed = whole?.text ?? text;
    if (whole?.unsure || this.#asksFirst === 'late' || (this.#asksFirst === 'yes' && changed !== text)) {
      into.length = mark;
      this.#encodeTracked(text, start, into);
      return;
    }
    for (const section of this.added.normalizedSections(changed)) {
      if (section.id !== undefined) into.push(section.id);
      else this.#cut(changed.slice(section.start, section.end), start + section.start === 0, 0, into);
    }
  }

  /** The steps from one on, with a text. */
  #cut(text: string, isFirst: boolean, index: number, into: TokenBuffer): void {
    const step = this.#steps[index];
    if (step === undefined) {
      this.#pieces.encode(text, into);
    } else if (step.kind === 'change') {
      this.#cut(step.apply(text, isFirst), isFirst, index + 1, into);
    } else if (step.isolated instanceof TranslatedPattern) {
      this.#cutIsolated(step.isolated, text, isFirst, index, into);
    } else {
      for (const { start, end } of step.parts(text)) {
        this.#cut(text.slice(start, end), isFirst && start === 0, index + 1, into);
      }
    }
  }

  /** The same for the most common of steps, without lists. */
  #cutIsolated(pattern: TranslatedPattern, text: string, isFirst: boolean, index: number, into: TokenBuffer): void {
    const { sticky, all } = pattern.expressionsFor(text);
    MATCHING.source = pattern.source;
    const isLast = index + 1 === this.#steps.length;
    let at = 0;
    while (at < text.length) {
      sticky.lastIndex = at;
      let end: number;
      if (sticky.test(text)) {
        end = sticky.lastIndex;
      } else {
        all.lastIndex = at;
        end = all.exec(text)?.index ?? text.length;
      }
      const piece = text.slice(at, end);
      if (isLast) this.#pieces.encode(piece, into);
      else this.#cut(piece, isFirst && at === 0, index + 1, into);
      at = end;
    }
  }

  /** A section again, keeping where every character comes from. */
  #encodeTracked(text: string, start: number, into: TokenBuffer): void {
    const whole = NormalizedString.tracked(text, start);
    this.#normalizer?.(whole);
    for (const section of this.added.normalizedSections(whole.text)) {
      if (section.id !== undefined) into.push(section.id);
      else this.#cutTracked(whole.slice(section.start, section.end), 0, into);
    }
  }

  #cutTracked(text: NormalizedString, index: number, into: TokenBuffer): void {
    const step = this.#allSteps[index];
    if (step === undefined) {
      for (const id of this.model.tokenize(text.text)) into.push(id);
    } else if (step.kind === 'change') {
      step.applyTracked(text);
      this.#cutTracked(text, index + 1, into);
    } else {
      for (const { start, end } of step.parts(text.text)) this.#cutTracked(text.slice(start, end), index + 1, into);
    }
  }
}

function frameBy(processor: PostProcessor | undefined): (addsSpecial: boolean) => Frame {
  const whole: Frame = ['text'];
  return (addsSpecial) => (processor === undefined ? whole : processor([whole], addsSpecial).flat());
}

function firstAsked(steps: readonly Step[]): 'no' | 'yes' | 'late' {
  const changes = steps.filter((step): step is Change => step.kind === 'change');
  const last = changes.map(({ asksFirst }) => asksFirst === true).lastIndexOf(true);
  return last < 0 ? 'no' : last === 0 ? 'yes' : 'late';
}
