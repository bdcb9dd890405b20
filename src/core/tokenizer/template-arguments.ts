import { ChatTemplateError } from './template-error.js';

/** What a template is given beside the messages. */
export interface ChatContext {
  readonly tools?: readonly unknown[] | undefined;
  readonly documents?: readonly unknown[] | undefined;
  /** More variables by name (`chat_template_kwargs`); they win over the special tokens. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  readonly specialTokens: Readonly<Record<string, string>>;
}

/** What a template is given, and which one is asked for. */
export interface TemplateArguments {
  readonly tools: readonly unknown[] | null;
  readonly documents: readonly unknown[] | null;
  /** A template's name or its text. */
  readonly template: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/**
 * Names in a row's `chat_template_kwargs` that are no variables of a template: TRL hands them to `apply_chat_template`, where
 * they are parameters of their own, given twice or meant for what comes after the text.
 */
const PARAMETERS = new Set([
  ...['self', 'conversation', 'conversations', 'messages', 'processing_class', 'input', 'add_generation_prompt'],
  ...['continue_final_message', 'tokenize', 'sanitize_control_tokens', 'padding', 'truncation', 'max_length', 'return_tensors'],
  ...['return_dict', 'return_assistant_tokens_mask', 'tokenizer_kwargs'],
]);

/**
 * Sorts what comes by name, as the call does that TRL makes:
 * `apply_chat_template(messages, **{"tools": tools, **chat_template_kwargs})`.
 *
 * @throws ChatTemplateError naming a parameter that a row may not set
 */
export function templateArguments({ tools, documents, kwargs = {} }: ChatContext): TemplateArguments {
  const bad = (name: string, why: string): ChatTemplateError =>
    new ChatTemplateError(
      `chat_template_kwargs cannot hold "${name}": ${why}`,
      'field "chat_template_kwargs"',
      'remove it; give only what the chat template itself reads, such as enable_thinking',
      'row',
    );
  const taken = { tools: tools ?? null, documents: documents ?? null, chat_template: null as string | null };
  const variables: [string, unknown][] = [];
  for (const [name, value] of Object.entries(kwargs)) {
    if (PARAMETERS.has(name)) throw bad(name, 'it is not a variable of a template');
    if (name === 'tools' || name === 'documents') {
      if (value !== null && !Array.isArray(value)) throw bad(name, 'it must be a list');
      taken[name] = value as readonly unknown[] | null;
    } else if (name === 'chat_template') {
      if (value !== null && typeof value !== 'string') throw bad(name, "it must be a template's name or text");
      taken.chat_template = value;
    } else variables.push([name, value]);
  }
  return {
    tools: taken.tools,
    documents: taken.documents,
    template: taken.chat_template ?? undefined,
    variables: Object.fromEntries(variables),
  };
}
