import { extractMessagePrompt, extractTextPrompt } from './extract-prompt.js';
import { isFields, type Fields, type RowReader } from './fields.js';
import { readRanked, readScored } from './judged.js';
import type { PairingOptions } from './pairing.js';
import { mappableFields } from './columns.js';
import { readAlpaca, readShareGpt, readV1, type ShareGptTags } from './llama-factory.js';
import { pairSides, type Response, type RowPairs } from './responses.js';
import { refuseColumns } from './whole-columns.js';
import { readTemplateInputs, readTools } from './template-inputs.js';
import type { DatasetForm, Message, MessagePair } from './types.js';

/** The columns that a form may use. */
export const formColumns = mappableFields;

/** How a row's form is read. */
export interface FormOptions extends PairingOptions {
  /** How ShareGPT turns are written, when not as usual. */
  readonly tags?: ShareGptTags | undefined;
}

/** The form a row is written in, or undefined when it is none that we know. */
export function detectForm(fields: Fields): DatasetForm | undefined {
  if ('conversations' in fields) return 'sharegpt';
  if ('chosen_messages' in fields || 'rejected_messages' in fields) return 'llamafactory-v1';
  if ('preferred_output' in fields || 'non_preferred_output' in fields || isFields(fields['input'])) return 'openai';
  if ('chosen' in fields || 'rejected' in fields) {
    if (!('prompt' in fields)) {
      const alpaca = 'instruction' in fields && !holdsMessages(fields['chosen']);
      return alpaca ? 'alpaca' : 'trl-implicit';
    }
    // Some sets repeat the prompt as text beside message lists that hold it; TRL ignores the text, and so do we.
    const repeated =
      typeof fields['prompt'] === 'string' && holdsMessages(fields['chosen']) && holdsMessages(fields['rejected']);
    return repeated ? 'trl-implicit' : 'trl-explicit';
  }
  if (Array.isArray(fields['completions'])) return 'scored';
  if ('responses' in fields) return 'ranks' in fields ? 'ranked' : 'scored';
  return 'prompt' in fields ? 'trl-explicit' : undefined;
}

/** A list of messages, or of message lists, not of texts. */
function holdsMessages(value: unknown): boolean {
  return Array.isArray(value) && !value.some((item) => typeof item === 'string');
}

/** Reads a row as the given form. @throws WishboneError naming file, line (or row) and field */
export function readForm(form: DatasetForm, reader: RowReader, options: FormOptions): RowPairs {
  refuseColumns(reader);
  switch (form) {
    case 'trl-explicit':
      return readExplicit(reader, options);
    case 'trl-implicit':
      return readImplicit(reader, options);
    case 'sharegpt':
      return { pairs: [readShareGpt(reader, options.tags)], dropped: 0 };
    case 'alpaca':
      return readAlpaca(reader, options);
    case 'llamafactory-v1':
      return { pairs: [readV1(reader)], dropped: 0 };
    case 'openai':
      return { pairs: [readOpenAi(reader)], dropped: 0 };
    case 'ranked':
      return readRanked(reader, options);
    case 'scored':
      return readScored(reader, options);
  }
}

function readExplicit(reader: RowReader, options: PairingOptions): RowPairs {
  const { fields } = reader;
  const value = reader.need(fields, 'prompt', 'prompt');
  return pairSides(reader, options, { value }, true, {
    text: (chosen, rejected) => ({
      kind: 'text',
      prompt: reader.text(value, 'prompt'),
      chosen: chosen.content,
      rejected: rejected.content,
    }),
    messages: (chosen, rejected) => ({
      kind: 'messages',
      prompt: reader.messages(value, 'prompt', false),
      chosen: chosen.content,
      rejected: rejected.content,
      ...readTemplateInputs(reader, { emptyTools: true }),
    }),
  });
}

function readImplicit(reader: RowReader, options: PairingOptions): RowPairs {
  return pairSides(reader, options, undefined, false, {
    text: (chosen, rejected) => ({ kind: 'text', ...extractTextPrompt(chosen.content, rejected.content) }),
    messages: (chosen, rejected) => splitMessages(reader, chosen, rejected),
  });
}

function splitMessages(
  reader: RowReader,
  chosen: Response<readonly Message[]>,
  rejected: Response<readonly Message[]>,
): MessagePair {
  const split = extractMessagePrompt(chosen.content, rejected.content);
  if (split.prompt.length === 0) {
    throw reader.error(
      'chosen and rejected have no message in common, so there is no prompt',
      chosen.path,
      'begin both lists with the same messages, or add a field "prompt"',
    );
  }
  for (const { content, path } of [chosen, rejected]) {
    content.slice(split.prompt.length).forEach((message, index) => {
      const said = message.content ?? '';
      if (said.trim() === '' && !message['tool_calls']) {
        reader.blank(`${path}[${split.prompt.length + index}].content`, said);
      }
    });
  }
  return { kind: 'messages', ...split, ...readTemplateInputs(reader, { emptyTools: true }) };
}

function readOpenAi(reader: RowReader): MessagePair {
  const { fields } = reader;
  const input = reader.object(reader.need(fields, 'input', 'input'), 'input');
  return {
    kind: 'messages',
    prompt: reader.messages(reader.need(input, 'messages', 'input.messages'), 'input.messages', false),
    chosen: reader.messages(reader.need(fields, 'preferred_output', 'preferred_output'), 'preferred_output', true),
    rejected: reader.messages(
      reader.need(fields, 'non_preferred_output', 'non_preferred_output'),
      'non_preferred_output',
      true,
    ),
    ...readTemplateInputs(reader, { tools: readTools(reader, input['tools'], 'input.tools') }),
  };
}
