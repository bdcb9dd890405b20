import type { Message } from '../dataset/index.js';

/** What Ollama is told of a chat template. */
export interface OllamaTemplate {
  /** In Go's language of templates; undefined where that cannot say the same. */
  readonly template: string | undefined;
  /** What is otherwise, in sentences. */
  readonly notes: readonly string[];
}

/** Renders a conversation of texts, at a day. @throws when the template refuses it */
export type Render = (messages: readonly Message[], addGenerationPrompt: boolean, now: string) => string;

/** What stands around the contents of a conversation. */
interface Parts {
  readonly start: string;
  /** Around a system message; undefined where the template takes none. */
  readonly system: readonly [string, string] | undefined;
  readonly afterUser: string;
  readonly afterAssistant: string;
  readonly end: string;
}

const NOT_SAID =
  'what the chat template does cannot be said in a Modelfile: Ollama takes a template of its own if it knows this one by its text, else none';

const DAYS = ['2024-03-09T12:00:00', '2031-11-28T12:00:00'] as const;

/**
 * A chat template as Ollama's: what Jinja writes around the contents of a conversation, found by rendering some and held against more of
 * them. Ollama tells templates by their text alone, and passes prompts on bare where it knows none (its template/template.go).
 *
 * @param bos the text of the token that Ollama puts before a text by itself
 */
export function ollamaTemplate(render: Render, bos: string | undefined): OllamaTemplate {
  let parts: Parts | undefined;
  let takesSystem = true;
  try {
    parts = partsOf(render);
    takesSystem = parts?.system !== undefined;
  } catch {
    // A template that refuses the plainest of conversations.
  }
  if (parts === undefined || !isSame(render, parts)) {
    return { template: undefined, notes: [NOT_SAID] };
  }
  const notes = takesSystem ? [] : ['the chat template takes no system message, and Ollama leaves one out'];
  const without = (text: string): string => (bos !== undefined && bos !== '' && text.startsWith(bos) ? text.slice(bos.length) : text);
  if (bos !== undefined && bos !== '' && !parts.start.startsWith(bos))
    notes.push(`Ollama begins a chat with ${bos}, and the chat template does not`);
  const { start, system, afterUser, afterAssistant, end } = parts;
  const begin = system
    ? `{{ if .System }}${literal(without(system[0]))}{{ .System }}${literal(system[1])}{{ else }}${literal(without(start))}{{ end }}`
    : literal(without(start));
  const template =
    `${begin}{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}` +
    `{{ if eq .Role "user" }}{{ .Content }}{{ if $last }}${literal(end)}{{ else }}${literal(afterUser)}{{ end }}` +
    `{{ else if eq .Role "assistant" }}{{ .Content }}{{ if not $last }}${literal(afterAssistant)}{{ end }}{{ end }}{{ end }}`;
  return { template, notes };
}

/** A Modelfile has no way to write three quotes within a text. */
function literal(text: string): string {
  if (!/\{\{|\}\}|"""/.test(text)) return text;
  return text.replace(/\{\{|\}\}|"""/g, (part) => `{{ "${part.replaceAll('"', '\\x22')}" }}`);
}

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const system = (content: string): Message => ({ role: 'system', content });

/** Words that no template has of itself. */
const [S, U, A, V] = ['Qsyzx', 'Qvuxw', 'Qzakw', 'Qwvuz'] as const;

function partsOf(render: Render): Parts | undefined {
  const [now] = DAYS;
  const one = between(render([user(U)], true, now), U);
  const three = between(render([user(U), assistant(A), user(V)], true, now), U, A, V);
  if (one === undefined || three === undefined) return undefined;
  let around: Parts['system'];
  try {
    const [before, after] = between(render([system(S), user(U)], true, now), S, U) ?? [];
    if (before !== undefined && after !== undefined) around = [before, after];
  } catch {
    // It takes none.
  }
  return { start: one[0]!, system: around, afterUser: three[1]!, afterAssistant: three[2]!, end: one[1]! };
}

/** The texts around words; undefined unless each word is there once, in this order. */
function between(text: string, ...words: readonly string[]): string[] | undefined {
  const parts: string[] = [];
  let rest = text;
  for (const word of words) {
    const split = rest.split(word);
    if (split.length !== 2) return undefined;
    parts.push(split[0]!);
    rest = split[1]!;
  }
  return [...parts, rest];
}

/** Holds the parts against conversations of several lengths, on two days. */
function isSame(render: Render, parts: Parts): boolean {
  const turns = ['What is it?', 'It is a\n\nlist: "a", {b}', 'Ünd 你好 – why?', 'Because.', 'And <b>now</b>?'];
  const plain = [1, 3, 5].map((count) => turns.slice(0, count).map((text, index) => (index % 2 === 0 ? user(text) : assistant(text))));
  const withSystem = parts.system === undefined ? [] : plain.map((messages) => [system('Be brief.\nBe kind.'), ...messages]);
  return [...plain, ...withSystem].every((messages) => {
    try {
      return DAYS.every((now) => render(messages, true, now) === written(parts, messages));
    } catch {
      return false;
    }
  });
}

function written({ start, system: around, afterUser, afterAssistant, end }: Parts, messages: readonly Message[]): string {
  let text = messages[0]?.role === 'system' ? '' : start;
  for (const [index, { role, content }] of messages.entries()) {
    const isLast = index === messages.length - 1;
    if (role === 'system') text += `${around![0]}${String(content)}${around![1]}`;
    else text += String(content) + (role === 'assistant' ? afterAssistant : isLast ? end : afterUser);
  }
  return text;
}
