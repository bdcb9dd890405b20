import type { RowReader } from './fields.js';
import { pairLists, type IndexPairs, type PairingOptions } from './pairing.js';
import type { Message, MessagePair, TextPair } from './types.js';

/** What a row comes to: several pairs when it has several responses, none when all of them are equally good. */
export interface RowPairs {
  readonly pairs: readonly (TextPair | MessagePair)[];
  /** Pairs that a margin too small has left out. */
  readonly dropped: number;
  /** For each pair, the fields its responses stand in; absent where a form has but one place for each. */
  readonly places?: readonly ResponsePlaces[];
}

/** Paths of the fields that hold a pair's two responses. */
export interface ResponsePlaces {
  readonly chosen: string;
  readonly rejected: string;
}

/** A response, whole texts and whole message lists included, and the field it stands in. */
export interface Response<Content extends string | readonly Message[] = string | readonly Message[]> {
  readonly content: Content;
  readonly path: string;
}

/** Whether a field holds several responses, a list of texts or of message lists; one list of messages is one response. */
function holdsSeveral(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.some((item) => typeof item === 'string' || Array.isArray(item));
}

/** The one response of a field, or the several. */
function responseEntries(value: unknown, path: string): { readonly value: unknown; readonly path: string }[] {
  return holdsSeveral(value) ? value.map((item, index) => ({ value: item, path: `${path}[${index}]` })) : [{ value, path }];
}

/**
 * Reads the responses in `chosen` and `rejected`, each one or several, and pairs them.
 *
 * @param prompt the prompt's value when it has a field of its own; it decides whether all is text or messages
 * @param filled whether every message must say something; a text always must
 * @param make makes a pair of a chosen and a rejected response, both text or both messages
 */
export function pairSides(
  reader: RowReader,
  options: PairingOptions,
  prompt: { readonly value: unknown } | undefined,
  filled: boolean,
  make: {
    readonly text: (chosen: Response<string>, rejected: Response<string>) => TextPair | MessagePair;
    readonly messages: (chosen: Response<readonly Message[]>, rejected: Response<readonly Message[]>) => MessagePair;
  },
): RowPairs {
  const { fields } = reader;
  const chosen = responseEntries(reader.need(fields, 'chosen', 'chosen'), 'chosen');
  const rejected = responseEntries(reader.need(fields, 'rejected', 'rejected'), 'rejected');
  const kind = sameKind(reader, [...(prompt ? [{ ...prompt, path: 'prompt' }] : []), ...chosen, ...rejected]);
  const { pairs, dropped } = pairLists(chosen.length, rejected.length, options);
  const places = combine(pairs, chosen, rejected, (better, worse) => ({ chosen: better.path, rejected: worse.path }));
  if (kind === 'text') {
    const read = ({ value, path }: Entry): Response<string> => ({ content: reader.filledText(value, path), path });
    const texts = combine<Response<string>, TextPair | MessagePair>(pairs, chosen.map(read), rejected.map(read), make.text);
    return { pairs: texts, dropped, places };
  }
  const read = ({ value, path }: Entry): Response<Message[]> => ({
    content: reader.messages(value, path, filled),
    path,
  });
  return { pairs: combine(pairs, chosen.map(read), rejected.map(read), make.messages), dropped, places };
}

type Entry = ReturnType<typeof responseEntries>[number];

function combine<Item, Pair>(
  pairs: IndexPairs['pairs'],
  chosen: readonly Item[],
  rejected: readonly Item[],
  make: (chosen: Item, rejected: Item) => Pair,
): Pair[] {
  return pairs.map(([better, worse]) => make(chosen[better] as Item, rejected[worse] as Item));
}

/** Text and message lists do not mix within a row: the first field decides. */
function sameKind(reader: RowReader, entries: readonly Entry[]): 'text' | 'messages' {
  let wanted: string | undefined;
  for (const { value, path } of entries) {
    const kind = typeof value === 'string' ? 'text' : Array.isArray(value) ? 'a list of messages' : undefined;
    wanted ??= kind;
    if (kind === undefined || kind !== wanted) {
      throw reader.wrongType(value, path, wanted ?? 'text or a list of messages');
    }
  }
  return wanted === 'text' ? 'text' : 'messages';
}
