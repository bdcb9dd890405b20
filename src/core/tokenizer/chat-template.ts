import type { Message } from '../dataset/index.js';
import { exactText } from '../exact-json/index.js';
import { templateEngine } from './jinja/engine.js';
import type { RenderInput, RenderJob, RenderResult } from './jinja/protocol.js';
import { type ChatContext, templateArguments, type TemplateArguments } from './template-arguments.js';
import { ChatTemplateError, templateError, type TemplateText } from './template-error.js';

/** What a template is rendered with. */
export interface ChatInput extends ChatContext {
  readonly messages: readonly Message[];
  /** Whether to end with what makes the model speak next. */
  readonly addGenerationPrompt: boolean;
}

/** Conversations that begin alike, rendered together. */
export interface ChatInputs extends ChatContext {
  /** How all begin. */
  readonly messages: readonly Message[];
  /** How each goes on. */
  readonly parts: readonly { readonly messages: readonly Message[]; readonly addGenerationPrompt: boolean }[];
}

/** A model's chat templates by name, as transformers knows them: most have one, named `default`. */
export type NamedTemplates = ReadonlyMap<string, TemplateText>;

/**
 * A model's chat template, rendered by Jinja2 itself as `apply_chat_template` of transformers 5.23 does. The engine starts
 * when a text is first asked for.
 */
export class ChatTemplate {
  readonly #named: NamedTemplates;
  readonly #checked = new Set<string>();

  constructor(named: NamedTemplates) {
    this.#named = named;
  }

  /** One template alone. */
  static of(text: string, file: string): ChatTemplate {
    return new ChatTemplate(new Map([['default', { text, file }]]));
  }

  /** @throws ChatTemplateError when one of the texts is no Jinja template */
  check(): void {
    for (const { text, file } of this.#named.values()) {
      if (this.#checked.has(text)) continue;
      const input: RenderInput = { messages: [], tools: null, documents: null, variables: {}, parts: [] };
      const [result] = templateEngine().render([{ template: text, input: exactText(input) }]);
      if (result !== undefined && 'kind' in result) throw templateError(result, { text, file });
      this.#checked.add(text);
    }
  }

  /** @throws ChatTemplateError with the template's own words when it refuses the messages */
  render(input: ChatInput, now?: string): string {
    const { messages, addGenerationPrompt, ...context } = input;
    const [texts] = this.renderAll([{ ...context, messages, parts: [{ messages: [], addGenerationPrompt }] }], now);
    if (texts instanceof Error) throw texts;
    return texts?.[0] as string;
  }

  /**
   * Renders many at once, which is faster than one by one.
   *
   * @param now ISO date and time that the template's `strftime_now` takes for now; by default the clock's
   * @returns for each its texts, or why it has none
   */
  renderAll(inputs: readonly ChatInputs[], now?: string): (readonly string[] | ChatTemplateError)[] {
    const asked = inputs.map((input) => this.#job(input));
    const jobs = asked.flatMap(({ job }) => job ?? []);
    const results = templateEngine().render(jobs, now).values();
    return asked.map(({ job, template, error }) => {
      if (job === undefined) return error as ChatTemplateError;
      const result = results.next().value as RenderResult;
      return 'kind' in result ? templateError(result, template as TemplateText) : result;
    });
  }

  /** What the engine is asked for, or why it is not. */
  #job(asked: ChatInputs): { job?: RenderJob; template?: TemplateText; error?: ChatTemplateError } {
    let given: TemplateArguments;
    let template: TemplateText;
    try {
      given = templateArguments(asked);
      template = this.#chosen(given);
    } catch (error) {
      if (error instanceof ChatTemplateError) return { error };
      throw error;
    }
    const input = {
      messages: asked.messages,
      tools: given.tools,
      documents: given.documents,
      variables: { ...asked.specialTokens, ...given.variables },
      parts: asked.parts,
    } satisfies RenderInput;
    return { job: { template: template.text, input: exactText(input) }, template };
  }

  /** As `get_chat_template`: one asked for by name or text, one for tools where there are tools, else the default. */
  #chosen({ tools, template }: TemplateArguments): TemplateText {
    const named = this.#named;
    const first = named.values().next().value as TemplateText;
    if (template !== undefined) return named.get(template) ?? { text: template, file: 'chat_template of the row' };
    const found = (tools !== null ? named.get('tool_use') : undefined) ?? named.get('default');
    if (found) return found;
    throw new ChatTemplateError(
      `the model has several chat templates (${[...named.keys()].sort().join(', ')}), and none is named "default"`,
      first.file,
      'name one of them "default", or choose one with the field "chat_template" of chat_template_kwargs',
      'template',
    );
  }
}
