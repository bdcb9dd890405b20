import type { Fields, RowReader } from '../fields.js';
import type { ShareGptTags } from '../llama-factory.js';
import type { PairingOptions } from '../pairing.js';
import type { ResponsePlaces, RowPairs } from '../responses.js';

/** How a row's form is read. */
export interface FormOptions extends PairingOptions {
  /** How ShareGPT turns are written, when not as usual. */
  readonly tags?: ShareGptTags | undefined;
}

/** A form that preference files come in: all that is known of it. */
export interface Form {
  /** What it looks like, for messages to people. */
  readonly description: string;
  /** The columns it may use. */
  readonly columns: readonly string[];
  /** Whether a row is written in it, when it is in none of the forms before. */
  readonly detect: (fields: Fields) => boolean;
  /** @throws WishboneError naming file, line (or row) and field */
  readonly read: (reader: RowReader, options: FormOptions) => RowPairs;
  /**
   * Where a row holds the parts of a pair.
   *
   * @param places where its responses stand, when the row has several
   * @returns undefined when that cannot be told
   */
  readonly place: (fields: Fields, places: ResponsePlaces | undefined) => Places | undefined;
}

/** Fields that hold the parts of a pair. */
export interface Places extends ResponsePlaces {
  readonly prompt: string;
  /** The responses' fields begin with the prompt, or that of the chosen one alone. */
  readonly promptInResponses?: true | 'chosen';
  /** Names of a message's role and content, where they are others than these. */
  readonly keys?: { readonly role: string; readonly content: string };
  /** A field `system` of its own is the first message of the prompt. */
  readonly systemField?: true;
  /** Fields that together are the last message of the prompt, with what each is called; earlier ones are in `history`. */
  readonly question?: readonly (readonly [role: string, field: string])[];
}

/** What a chat template is given beside messages. */
export const TEMPLATE_COLUMNS = ['tools', 'documents', 'chat_template_kwargs'] as const;

export const CHOSEN_AND_REJECTED: ResponsePlaces = { chosen: 'chosen', rejected: 'rejected' };

export function hasSides(fields: Fields): boolean {
  return 'chosen' in fields || 'rejected' in fields;
}

/** A list of messages, or of message lists, not of texts. */
export function holdsMessages(value: unknown): boolean {
  return Array.isArray(value) && !value.some((item) => typeof item === 'string');
}

/** Whether a row has at least two of the fields that together make a form: one of them may be what it lacks. */
export function hasTwoOf(fields: Fields, names: readonly string[]): boolean {
  return names.filter((name) => name in fields).length >= 2;
}
