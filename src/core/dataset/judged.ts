import type { Fields, RowReader } from './fields.js';
import { pairScores, type PairingOptions } from './pairing.js';
import type { RowPairs } from './responses.js';
import { readTemplateInputs } from './template-inputs.js';
import type { Message, MessagePair, TextPair } from './types.js';

/** A response and how good it is: the more, the better. */
export interface Judged {
  readonly response: string | readonly Message[];
  readonly path: string;
  readonly value: number;
}

/** `responses` with `ranks` of the same length, 1 (or any least number) being the best. */
export function readRanked(reader: RowReader, options: PairingOptions): RowPairs {
  const judged = parallelLists(reader, 'ranks').map((item) => ({ ...item, value: -item.value }));
  // Ranks say an order, not how far apart: a margin is of scores.
  return pairJudged(reader, judged, { ...options, minMargin: 0 });
}

/** `responses` with `scores` of the same length, or `completions` that each hold text and score (UltraFeedback). */
export function readScored(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const judged = 'completions' in fields ? completions(reader) : parallelLists(reader, 'scores');
  return pairJudged(reader, judged, options);
}

function parallelLists(reader: RowReader, name: 'ranks' | 'scores'): Judged[] {
  const { fields } = reader;
  const responses = reader.list(reader.need(fields, 'responses', 'responses'), 'responses');
  const values = reader.list(reader.need(fields, name, name), name);
  if (values.length !== responses.length) {
    throw reader.error(`${responses.length} responses, but ${values.length} ${name}`, name, `give one of the ${name} for each response`);
  }
  return responses.map((value, index) => {
    const path = `responses[${index}]`;
    return { response: response(reader, value, path), path, value: reader.number(values[index], `${name}[${index}]`) };
  });
}

const TEXT_NAMES = ['response', 'text', 'content'] as const;
const SCORE_NAMES = ['score', 'overall_score', 'rating'] as const;

function completions(reader: RowReader): Judged[] {
  return reader.list(reader.fields['completions'], 'completions').map((item, index) => {
    const path = `completions[${index}]`;
    const fields = reader.object(item, path);
    const named = (names: readonly string[]): { value: unknown; path: string } => {
      const name = names.find((candidate) => present(fields, candidate)) ?? (names[0] as string);
      return { value: reader.need(fields, name, `${path}.${name}`), path: `${path}.${name}` };
    };
    const text = named(TEXT_NAMES);
    const score = named(SCORE_NAMES);
    return {
      response: response(reader, text.value, text.path),
      path: text.path,
      value: reader.number(score.value, score.path),
    };
  });
}

function present(fields: Fields, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name] !== null;
}

function response(reader: RowReader, value: unknown, path: string): string | Message[] {
  return Array.isArray(value) ? reader.messages(value, path, true) : reader.filledText(value, path);
}

/**
 * Pairs a row's responses by how good they are; those as good as each other make none and are counted.
 *
 * @param make how two of them become a pair; by default by the row's `prompt` or `instruction`
 * @throws WishboneError for less than two responses
 */
export function pairJudged(
  reader: RowReader,
  judged: readonly Judged[],
  options: PairingOptions,
  make: PairMaker = pairMaker(reader),
): RowPairs {
  if (judged.length < 2) {
    const path = judged[0]?.path ?? 'responses';
    throw reader.error('only one response, so there is nothing to compare it with', path, 'give two, or remove the row');
  }
  const { pairs, dropped } = pairScores(
    judged.map(({ value }) => value),
    options,
  );
  const both = pairs.map(([better, worse]) => [judged[better] as Judged, judged[worse] as Judged] as const);
  return {
    pairs: both.map(([chosen, rejected]) => make(chosen, rejected)),
    dropped,
    places: both.map(([chosen, rejected]) => ({ chosen: chosen.path, rejected: rejected.path })),
  };
}

export type PairMaker = (chosen: Judged, rejected: Judged) => TextPair | MessagePair;

/**
 * How two responses become a pair, by the row's prompt. A `prompt` that is text stands before the response as it is (as
 * TRL reads it). Messages, and an `instruction` (UltraFeedback), are a chat: a response that is text is the assistant's.
 */
function pairMaker(reader: RowReader): PairMaker {
  const { fields } = reader;
  const hasPrompt = present(fields, 'prompt') || !present(fields, 'instruction');
  const prompt = hasPrompt ? reader.need(fields, 'prompt', 'prompt') : undefined;
  if (typeof prompt === 'string') {
    const text = reader.text(prompt, 'prompt');
    const asText = ({ response, path }: Judged): string => {
      if (typeof response !== 'string') throw reader.wrongType(response, path, 'text');
      return response;
    };
    return (chosen, rejected) => ({ kind: 'text', prompt: text, chosen: asText(chosen), rejected: asText(rejected) });
  }
  const messages = hasPrompt
    ? reader.messages(prompt, 'prompt', false)
    : [{ role: 'user', content: reader.filledText(fields['instruction'], 'instruction') }];
  return chatMaker(reader, messages);
}

/** The same for a prompt of messages: a response that is text is the assistant's. */
export function chatMaker(reader: RowReader, prompt: readonly Message[]): PairMaker {
  const inputs = readTemplateInputs(reader);
  const asMessages = ({ response }: Judged): readonly Message[] =>
    typeof response === 'string' ? [{ role: 'assistant', content: response }] : response;
  return (chosen, rejected) => ({
    kind: 'messages',
    prompt,
    chosen: asMessages(chosen),
    rejected: asMessages(rejected),
    ...inputs,
  });
}

/** A prompt of messages, or the text of the user's only one. */
export function chatPrompt(reader: RowReader, value: unknown, path: string): Message[] {
  return typeof value === 'string' ? [{ role: 'user', content: reader.filledText(value, path) }] : reader.messages(value, path, false);
}
