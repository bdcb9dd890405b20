/** Chat templates by name: the model folder's own, and those that stand in for it where it has none. */
export const TEMPLATE_NAMES = ['model', 'chatml', 'zephyr', 'plain'] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

interface Fallback {
  /** Jinja. `bos_token` is empty for a tokenizer that puts none before a text. */
  readonly template: string;
  /** Tokens that the tokenizer must have; without them a model would read their letters. */
  readonly needs: readonly string[];
}

const turns = (turn: string, generationPrompt: string): string =>
  `{{ bos_token }}{% for message in messages %}` +
  `{% if tools or message.tool_calls %}{{ raise_exception('it has no place for tools') }}{% endif %}${turn}{% endfor %}` +
  `{% if add_generation_prompt %}{{ ${generationPrompt} }}{% endif %}`;

/**
 * - `chatml`: OpenAI's ChatML
 * - `zephyr`: as HuggingFaceH4/zephyr-7b-beta; a turn ends with the end-of-sequence token
 * - `plain`: a dialogue of Human and Assistant as in HH-RLHF (arXiv 2204.05862)
 */
export const FALLBACK_TEMPLATES: Readonly<Record<Exclude<TemplateName, 'model'>, Fallback>> = {
  chatml: {
    template: turns("{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}", "'<|im_start|>assistant\\n'"),
    needs: ['<|im_start|>', '<|im_end|>'],
  },
  zephyr: {
    template: turns("{{ '<|' + message.role + '|>\\n' + message.content + eos_token + '\\n' }}", "'<|assistant|>\\n'"),
    needs: [],
  },
  plain: {
    template: turns(
      "{% if message.role == 'system' %}{{ message.content }}" +
        "{% elif message.role == 'user' %}{{ '\\n\\nHuman: ' + message.content }}" +
        "{% elif message.role == 'assistant' %}{{ '\\n\\nAssistant: ' + message.content + eos_token }}" +
        "{% else %}{{ raise_exception('it knows system, user and assistant, not ' + message.role) }}{% endif %}",
      "'\\n\\nAssistant:'",
    ),
    needs: [],
  },
};
