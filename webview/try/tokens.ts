import { formatCount, plural } from '../../src/format.js';
import type { TryToken, TryTokens } from '../../src/protocol/try.js';
import { element, setText } from '../ui/dom.js';

/** Tokens one after the other, with their ids; opened on demand. */
export class TokenList {
  readonly root = element('div', { class: 'tokens' });
  readonly #status = element('p', { class: 'tokens-status', role: 'status' });
  readonly #parts = element('div', { class: 'tokens-parts' });

  constructor() {
    this.root.append(this.#status, this.#parts);
    this.root.hidden = true;
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  /** @returns whether it is open now */
  toggle(): boolean {
    if (this.isOpen) this.close();
    else {
      this.root.hidden = false;
      setText(this.#status, 'Reading…');
    }
    return this.isOpen;
  }

  close(): void {
    this.root.hidden = true;
    this.#parts.replaceChildren();
  }

  show(tokens: TryTokens | null, problem: string): void {
    setText(this.#status, problem);
    this.#status.classList.toggle('wrong', problem !== '');
    this.#parts.replaceChildren(
      ...(tokens === null
        ? []
        : [
            heading('Prompt as the model reads it'),
            element('pre', { tabindex: '0', role: 'region', 'aria-label': 'Prompt as the model reads it', class: 'rendered' }, tokens.text),
            heading(`Its ${plural(tokens.promptTokens, 'token')}${shownOf(tokens.prompt, tokens.promptTokens, 'last')}`),
            listOf(tokens.prompt, 'Tokens of the prompt'),
            heading(`${plural(tokens.answerTokens, 'token')} of the answer${shownOf(tokens.answer, tokens.answerTokens, 'first')}`),
            listOf(tokens.answer, 'Tokens of the answer'),
          ]),
    );
    this.root.scrollIntoView({ block: 'nearest' });
  }
}

const heading = (text: string): HTMLElement => element('h4', {}, text);

function shownOf(tokens: readonly TryToken[], all: number, which: string): string {
  return tokens.length === all ? '' : `, the ${which} ${formatCount(tokens.length)}`;
}

function listOf(tokens: readonly TryToken[], label: string): HTMLElement {
  return element(
    'div',
    { class: 'token-list', tabindex: '0', role: 'region', 'aria-label': label },
    ...tokens.map(({ id, text, special }) =>
      element(
        'span',
        { class: special ? 'token special' : 'token', title: special ? `Token ${id}, special` : `Token ${id}` },
        element('span', { class: 'token-text' }, visible(text)),
        element('span', { class: 'token-id' }, String(id)),
      ),
    ),
  );
}

/** White space as signs: a token may be nothing else. */
function visible(text: string): string {
  return text.replaceAll(' ', '·').replaceAll('\n', '↵').replaceAll('\t', '→').replaceAll('\r', '␍');
}
