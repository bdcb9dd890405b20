import type { MessagePair, TextPair } from '../dataset/index.js';
import { WishboneError } from '../errors.js';
import { inspectModel } from '../model/index.js';
import { commonPrefix, ModelTokenizer, PairTokenizer, type Renderings } from '../tokenizer/index.js';
import { FieldLocator } from './locate.js';
import { type ModelShape, type PairCost, pairCost, type PairLengths } from './pair-cost.js';
import { placeTexts } from './pair-texts.js';
import { type ReadRow, readRow, type RowSettings } from './row-pairs.js';
import type { CheckName, RowProblem } from './types.js';

/** A pair in tokens, cut to the longest sequence, and what it costs. */
export interface PairTokens extends PairLengths, PairCost {
  /** Tokens that are cut off at the end of each sequence. */
  readonly cut: { readonly chosen: number; readonly rejected: number };
}

/** A row in tokens: a pair, or the several it makes. Pairs that would be skipped are left out. */
export interface RowTokens {
  readonly pairs: readonly PairTokens[];
  /** Tokens of its longest sequence, uncut, those of pairs that would be skipped included. */
  readonly longest: number;
  readonly problems: readonly RowProblem[];
}

/** Of a row with more pairs than this, the others are not tokenised. */
export const MOST_PAIRS = 16;
const UNCUT = 2 ** 31 - 1;

/** Tokenises rows as a run would, with the tokenizer of a model folder. */
export class RowTokenizer {
  readonly #tokenizer: ModelTokenizer;
  readonly #shape: ModelShape | undefined;
  readonly #pairTokenizer: PairTokenizer;

  private constructor(
    readonly folder: string,
    tokenizer: ModelTokenizer,
    /** Undefined when the model's architecture is none that can be trained: its tokens can still be counted. */
    shape: ModelShape | undefined,
    /** Longest sequence the model was made for. */
    readonly maxPositions: number | undefined,
  ) {
    this.#tokenizer = tokenizer;
    this.#shape = shape;
    this.#pairTokenizer = new PairTokenizer(tokenizer, { maxLength: UNCUT, file: '', vocabSize: UNCUT });
  }

  /** @throws WishboneError naming the file that is missing or damaged */
  static async load(folder: string): Promise<RowTokenizer> {
    const tokenizer = await ModelTokenizer.load(folder);
    const model = await inspectModel(folder).catch((error: unknown) => {
      if (error instanceof WishboneError) return undefined;
      throw error;
    });
    return new RowTokenizer(folder, tokenizer, model?.config, model?.config.maxPositions);
  }

  /** One row of {@link rows}. */
  row(text: string, maxLength: number, settings: RowSettings = {}): RowTokens | undefined {
    return this.rows([text], maxLength, settings)[0];
  }

  /**
   * Many at once, which is several times as fast as one by one: the chat template is asked once, and one clock runs for all.
   *
   * @param texts JSON texts of rows
   * @param maxLength most tokens of a sequence
   * @param settings how they are read
   * @returns for each its tokens; undefined for a row that cannot be trained on
   * @throws WishboneError when the model folder lacks what rows of this kind need
   */
  rows(texts: readonly string[], maxLength: number, settings: RowSettings = {}): (RowTokens | undefined)[] {
    const all = texts.map((text) => readRow(text, settings));
    const pairs = all.flatMap((read) => read?.pairs.slice(0, MOST_PAIRS) ?? []);
    for (const { kind } of pairs) this.#demand(kind);
    const renderings = this.#pairTokenizer.renderingsEach(pairs.map((pair) => ({ ...pair, row: 0, line: 1 }))).values();
    return all.map((read, at) => read && rowTokens(texts[at] as string, read, renderings, maxLength, settings, this.#shape));
  }

  /** Without these no row of the kind can be tokenised: an error of the folder. */
  #demand(kind: (TextPair | MessagePair)['kind']): void {
    if (kind === 'messages') this.#tokenizer.chatTemplate.check();
    else void this.#tokenizer.eosToken;
  }
}

/** @param renderings of this row's pairs and those behind it */
function rowTokens(
  text: string,
  { form, fields, pairs, places }: ReadRow,
  renderings: Iterator<Renderings | WishboneError>,
  maxLength: number,
  settings: RowSettings,
  shape: ModelShape | undefined,
): RowTokens {
  const locator = new FieldLocator(text);
  const tokenised: PairTokens[] = [];
  const problems = new Map<string, RowProblem>();
  let longest = 0;
  for (const [index, pair] of pairs.slice(0, MOST_PAIRS).entries()) {
    const placed = placeTexts(form, fields, pair, places?.[index], settings.tags);
    const where = {
      prompt: placed?.prompt.path ?? '',
      chosen: placed?.chosen.path ?? '',
      rejected: placed?.rejected.path ?? '',
    };
    const isCutFromResponses = form === 'trl-implicit' && pair.kind === 'text';
    const sequences = renderings.next().value as Renderings | WishboneError;
    const { tokens, found, length } = pairTokens(pair.kind, sequences, maxLength, isCutFromResponses, shape);
    if (tokens !== undefined) tokenised.push(tokens);
    longest = Math.max(longest, length);
    for (const { side, ...finding } of found) {
      const span = where[side] === '' ? { start: 0, end: Math.min(1, text.length) } : locator.value(where[side]);
      problems.set(`${finding.check} ${span.start}`, { ...finding, span });
    }
  }
  return { pairs: tokenised, longest, problems: [...problems.values()].sort((a, b) => a.span.start - b.span.start) };
}

function pairTokens(
  kind: (TextPair | MessagePair)['kind'],
  sequences: Renderings | WishboneError,
  maxLength: number,
  isCutFromResponses: boolean,
  shape: ModelShape | undefined,
): { tokens: PairTokens | undefined; found: Found[]; length: number } {
  if (sequences instanceof WishboneError) {
    const { what, advice } = sequences;
    return { tokens: undefined, found: [{ check: 'template-refusal', side: 'prompt', what, advice }], length: 0 };
  }
  const { prompt, chosen, rejected } = sequences;
  const common = Math.min(commonPrefix(prompt, chosen), commonPrefix(prompt, rejected));
  const promptLength = Math.max(1, common);
  const found: Found[] = [];
  const length = Math.max(chosen.length, rejected.length);
  const shared = commonPrefix(chosen, rejected);
  if (shared === 0) found.push(NO_COMMON_PREFIX);
  // Where a prompt ends that is cut from two texts is nobody's fault.
  else if (common < prompt.length && !isCutFromResponses) found.push(boundaryMerge(prompt.length - common, kind));
  if (Math.min(chosen.length, rejected.length, maxLength) <= promptLength) {
    return { tokens: undefined, found: [...found, skippedPair(promptLength, maxLength)], length };
  }
  const cut = { chosen: Math.max(0, chosen.length - maxLength), rejected: Math.max(0, rejected.length - maxLength) };
  for (const side of ['chosen', 'rejected'] as const) {
    if (cut[side] > 0) found.push(overLength(side, sequences[side].length, cut[side], maxLength));
  }
  const lengths = {
    prompt: promptLength,
    chosen: chosen.length - cut.chosen,
    rejected: rejected.length - cut.rejected,
    shared: Math.min(shared, maxLength),
  };
  return { tokens: { ...lengths, cut, ...pairCost(lengths, shape) }, found, length };
}

interface Found {
  readonly check: CheckName;
  readonly side: 'prompt' | 'chosen' | 'rejected';
  readonly what: string;
  readonly advice: string;
}

const NO_COMMON_PREFIX: Found = {
  check: 'no-common-prefix',
  side: 'rejected',
  what: 'chosen and rejected differ in their first token, so they share no prompt',
  advice: 'put the prompt in a separate field, or begin both texts with it',
};

function boundaryMerge(count: number, kind: 'text' | 'messages'): Found {
  const tokens = count === 1 ? 'token of the prompt changes' : `${count} tokens of the prompt change`;
  return {
    check: 'boundary-merge',
    side: 'prompt',
    what: `the last ${tokens} when a response follows, and ${count === 1 ? 'is' : 'are'} scored with it`,
    advice:
      kind === 'text'
        ? 'end the prompt at the end of a word; the space belongs to the response'
        : 'the chat template writes the end of the prompt differently before a response; see its generation prompt',
  };
}

function skippedPair(promptLength: number, maxLength: number): Found {
  return {
    check: 'skipped-pair',
    side: 'prompt',
    what: `the prompt has ${promptLength} tokens, so max_length ${maxLength} leaves no room for a response: the pair is skipped`,
    advice: 'shorten the prompt, or raise max_length',
  };
}

function overLength(side: 'chosen' | 'rejected', length: number, cut: number, maxLength: number): Found {
  return {
    check: 'over-length',
    side,
    what: `prompt and response have ${length} tokens: ${cut} are cut off at max_length ${maxLength}`,
    advice: 'shorten the text, or raise max_length',
  };
}
