import { Template } from '@huggingface/jinja';
import type { Message } from '../dataset/index.js';
import { WishboneError } from '../errors.js';

/** What a template is rendered with. */
export interface ChatInput {
  readonly messages: readonly Message[];
  readonly tools?: readonly unknown[] | undefined;
  /** Whether to end with what makes the model speak next. */
  readonly addGenerationPrompt: boolean;
  readonly specialTokens: Readonly<Record<string, string>>;
}

/** A model's chat template (Jinja). */
export class ChatTemplate {
  private constructor(
    private readonly template: Template,
    readonly file: string,
  ) {}

  /** @throws WishboneError when the text is no Jinja template we can run */
  static parse(text: string, file: string): ChatTemplate {
    try {
      return new ChatTemplate(new Template(text), file);
    } catch (error) {
      throw new WishboneError(`the chat template cannot be read: ${oneLine(error)}`, file, 'correct the template');
    }
  }

  /** @throws Error with the template's own words when it refuses the messages */
  render(input: ChatInput): string {
    return this.template.render({
      ...input.specialTokens,
      messages: input.messages,
      tools: input.tools ?? null,
      documents: null,
      add_generation_prompt: input.addGenerationPrompt,
    });
  }
}

/** An error's message on one line. */
export function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}
