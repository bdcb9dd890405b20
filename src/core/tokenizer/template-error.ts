import { WishboneError } from '../errors.js';
import { ENGINE_LIMITS } from './jinja/engine.js';
import type { RenderFailure } from './jinja/protocol.js';

/** The text of a template and where it stands. */
export interface TemplateText {
  readonly text: string;
  /** For messages to people. */
  readonly file: string;
}

/** What went wrong with a template and what it was given. */
export class ChatTemplateError extends WishboneError {
  constructor(
    what: string,
    where: string,
    advice: string,
    /** `template`: whatever it is given; `limit`: it takes too much, with this row at least; `row`: it may take others. */
    readonly fault: 'template' | 'limit' | 'row',
  ) {
    super(what, where, advice);
  }
}

/** Most characters of a template's line that are quoted. */
const QUOTED = 60;

/** What an engine's failure says to people. */
export function templateError({ kind, message, line, loops = [] }: RenderFailure, { text, file }: TemplateText): ChatTemplateError {
  const number = typeof line === 'number' && line > 0 ? line : undefined;
  const place = number === undefined ? '' : ` (line ${number} of the template)`;
  const source = number === undefined ? '' : (text.split(/\r\n|\r|\n/)[number - 1] ?? '').trim();
  const quote = source === '' ? '' : `: ${source.length > QUOTED ? `${source.slice(0, QUOTED)}…` : source}`;
  const limit = (what: string): ChatTemplateError =>
    new ChatTemplateError(
      `the chat template ${what}${number === undefined ? '' : ` (line ${number} of the template${quote})`}`,
      file,
      'change the template; rendering a conversation normally takes less than a millisecond',
      'limit',
    );
  switch (kind) {
    case 'syntax':
      return new ChatTemplateError(`the chat template cannot be read: ${oneLine(message)}${place}`, file, 'fix the template', 'template');
    case 'time':
      return limit(`takes longer than ${ENGINE_LIMITS.time / 1000} seconds and was stopped${loopNames(loops)}`);
    case 'memory':
      return limit(`takes more than ${ENGINE_LIMITS.memory / 2 ** 20} MiB of memory and was stopped`);
    case 'length':
      return limit('writes a text of more than 64 million characters and was stopped');
    case 'depth':
      return limit('nests too deeply and was stopped: a macro calls itself, or lists hold lists, without an end');
    case 'refused':
    case 'failed':
      return new ChatTemplateError(
        `the chat template refuses the messages: ${oneLine(message)}${place}`,
        file,
        'change the messages to what the template expects (roles and their order), or change the template',
        'row',
      );
  }
}

/** Names loops by their variables, the innermost first. */
function loopNames(loops: readonly string[]): string {
  if (loops.length === 0) return '';
  return `, in ${loops
    .map((name) => `the loop over "${name}"`)
    .reverse()
    .join(' within ')}`;
}

/** A message on one line. */
function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}
