import type { PlacedMessage } from './pair-texts.js';

/** A message that stands where its role cannot. */
export interface RoleFault {
  readonly message: PlacedMessage;
  readonly what: string;
  readonly advice: string;
}

type Speaker = 'system' | 'user' | 'assistant' | 'tool';

/** Roles beyond the usual ones are the chat template's own matter and pass everywhere. */
const SPEAKERS: Readonly<Record<string, Speaker>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
};

/**
 * Judges the order of roles as chat templates expect it: one system message at most, and first; then user and
 * assistant in turn, with tool results after an assistant's call; the prompt ends before the assistant speaks, each
 * response begins and ends with the assistant.
 *
 * @returns the first fault of the prompt, and when it has none the first of each response
 */
export function checkRoleOrder(prompt: readonly PlacedMessage[], responses: readonly (readonly PlacedMessage[])[]): RoleFault[] {
  const fault = firstFault(prompt, undefined) ?? promptEnd(prompt);
  if (fault !== undefined) return [fault];
  return responses.flatMap((response) => {
    const found = firstFault(response, prompt.at(-1)) ?? responseEnds(response);
    return found === undefined ? [] : [found];
  });
}

function firstFault(messages: readonly PlacedMessage[], before: PlacedMessage | undefined): RoleFault | undefined {
  let previous = before;
  for (const message of messages) {
    const what = misplaced(speakerOf(message), previous === undefined ? 'start' : speakerOf(previous));
    if (what !== undefined) return { message, what, advice: 'put the messages in the order they were said' };
    previous = message;
  }
  return undefined;
}

/** Why someone cannot speak after `previous`; undefined when they can. */
function misplaced(speaker: Speaker | undefined, previous: Speaker | 'start' | undefined): string | undefined {
  if (speaker === undefined || previous === undefined) return undefined;
  switch (speaker) {
    case 'system':
      return previous === 'start' ? undefined : 'a system message that is not the first message';
    case 'user':
      return previous === 'user' ? 'two user messages in a row' : undefined;
    case 'assistant':
      if (previous === 'start' || previous === 'system') return 'the assistant speaks before the user';
      return previous === 'assistant' ? 'two assistant messages in a row' : undefined;
    case 'tool':
      return previous === 'assistant' || previous === 'tool' ? undefined : 'a tool result without a tool call before it';
  }
}

function promptEnd(prompt: readonly PlacedMessage[]): RoleFault | undefined {
  const last = prompt.at(-1);
  if (last === undefined) return undefined;
  const speaker = speakerOf(last);
  if (speaker === 'assistant') {
    return {
      message: last,
      what: 'the prompt ends with the assistant',
      advice: 'end it with the user message to be answered',
    };
  }
  if (speaker === 'system') {
    return { message: last, what: 'the prompt has no user message', advice: 'add the user message to be answered' };
  }
  return undefined;
}

function responseEnds(response: readonly PlacedMessage[]): RoleFault | undefined {
  for (const [message, where] of [
    [response[0], 'begins'],
    [response.at(-1), 'ends'],
  ] as const) {
    const speaker = message === undefined ? undefined : speakerOf(message);
    if (message !== undefined && speaker !== undefined && speaker !== 'assistant') {
      return {
        message,
        what: `a response ${where} with the ${speaker}`,
        advice: 'a response is what the assistant says; move other messages to the prompt, or remove them',
      };
    }
  }
  return undefined;
}

function speakerOf({ role }: PlacedMessage): Speaker | undefined {
  return Object.hasOwn(SPEAKERS, role) ? SPEAKERS[role] : undefined;
}
