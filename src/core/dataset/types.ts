/** The forms preference files come in. */
export const datasetForms = [
  'trl-explicit',
  'trl-implicit',
  'sharegpt',
  'alpaca',
  'llamafactory-v1',
  'openai',
  'ranked',
  'scored',
] as const;
export type DatasetForm = (typeof datasetForms)[number];

/** What each form looks like, for messages to people. */
export const formDescriptions: Readonly<Record<DatasetForm, string>> = {
  'trl-explicit': 'TRL with explicit prompt (prompt, chosen, rejected)',
  'trl-implicit': 'TRL with implicit prompt (chosen, rejected with the prompt in both)',
  sharegpt: 'ShareGPT preference (conversations, chosen, rejected)',
  alpaca: 'Alpaca preference (instruction, input, chosen, rejected)',
  'llamafactory-v1': 'LLaMA-Factory v1 (chosen_messages, rejected_messages)',
  openai: 'OpenAI preference (input.messages, preferred_output, non_preferred_output)',
  ranked: 'ranked responses (prompt, responses, ranks)',
  scored: 'scored responses (prompt, responses, scores; or instruction, completions with a score each)',
};

/** One chat message. Keys beyond role and content (name, tool_calls, …) go to the chat template as they are. */
export interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly [key: string]: unknown;
}

/** Prompt and responses as plain text; a model reads prompt + response. */
export interface TextPair {
  readonly kind: 'text';
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** Prompt and responses as messages; a model reads what the chat template makes of prompt + response. */
export interface MessagePair {
  readonly kind: 'messages';
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
  /** Tool descriptions for the chat template. */
  readonly tools?: readonly unknown[];
  /** Documents for the chat template. */
  readonly documents?: readonly unknown[];
  /** More variables for the chat template, by name. */
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>>;
}

/** Where in its file a row stands. */
export interface RowPlace {
  /** 0-based number of the row; blank lines are not rows. */
  readonly row: number;
  /** 1-based line on which the row begins; undefined in a file without lines (Parquet). */
  readonly line: number | undefined;
  /** In a dataset of several files: the row's file, absolute, and its number there. `row` counts through all of them. */
  readonly file?: string;
  readonly rowInFile?: number;
}

/** A row's name for people: `line 12`, or `row 12` (from 1) in a file without lines. */
export function rowName({ row, line, rowInFile = row }: RowPlace): string {
  return line === undefined ? `row ${rowInFile + 1}` : `line ${line}`;
}

/** Where a row stands, as errors say it: `file:12`, or `file, row 12` in a file without lines. */
export function rowWhere(file: string, place: RowPlace): string {
  const { file: own = file, line } = place;
  return line === undefined ? `${own}, ${rowName(place)}` : `${own}:${line}`;
}

/** One preference example as read from a file. */
export type PairText = (TextPair | MessagePair) &
  RowPlace & {
    /** What the row says of where it comes from, in a field `source`. */
    readonly source?: string | undefined;
  };
