import { formatDuration, plural } from '../../src/format.js';
import { isUnderWay, type TryAnswer, type TrySide, type TryTokens } from '../../src/protocol/try.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { TokenList } from './tokens.js';

export interface AnswerActions {
  readonly onCopy: () => void;
  /** Asks for the tokens. */
  readonly onTokens: () => void;
}

/** What one model answered. */
export class AnswerBox {
  readonly root: HTMLElement;
  readonly #name = element('h3');
  readonly #facts = element('p', { class: 'answer-facts' });
  readonly #text: HTMLPreElement;
  readonly #problem = element('p', { class: 'answer-problem' });
  readonly #spinner = createSpinner();
  readonly #copy: HTMLElement;
  readonly #toggle: HTMLElement;
  readonly #tokens: TokenList;

  constructor(side: TrySide, { onCopy, onTokens }: AnswerActions) {
    this.#text = element('pre', { tabindex: '0', role: 'region' });
    this.#tokens = new TokenList();
    this.#copy = createButton({ label: 'Copy', onClick: onCopy });
    this.#toggle = createButton({
      label: 'Tokens',
      title: 'What the model read, as its chat template rendered it, and what it wrote: token by token',
      onClick: () => {
        if (!this.#tokens.toggle()) return this.#expand();
        this.#expand();
        onTokens();
      },
    });
    this.root = element(
      'div',
      { class: `answer ${side}` },
      element('div', { class: 'answer-head' }, this.#name, this.#spinner, this.#toggle, this.#copy),
      this.#text,
      this.#problem,
      this.#facts,
      this.#tokens.root,
    );
    this.#expand();
  }

  show(answer: TryAnswer | null): void {
    this.root.hidden = answer === null;
    if (answer === null) return;
    const { model, text, state, problem } = answer;
    const working = isUnderWay(answer);
    setText(this.#name, model);
    setText(this.#text, text);
    setText(this.#facts, factsOf(answer));
    setText(this.#problem, problem);
    this.root.dataset['state'] = state;
    this.root.setAttribute('aria-busy', String(working));
    this.#text.setAttribute('aria-label', `Answer of ${model}`);
    this.#text.hidden = text === '' && !working && state !== 'done';
    this.#spinner.hidden = !working;
    this.#copy.hidden = text === '';
    this.#copy.setAttribute('aria-label', `Copy the answer of ${model}`);
    this.#toggle.hidden = working || state === 'given';
    this.#toggle.setAttribute('aria-label', `Tokens of ${model}`);
    // They were of an answer that is being replaced.
    if (working) this.#tokens.close();
    this.#expand();
  }

  showTokens(tokens: TryTokens | null, problem: string): void {
    this.#tokens.show(tokens, problem);
  }

  #expand(): void {
    this.#toggle.setAttribute('aria-expanded', String(this.#tokens.isOpen));
  }
}

function factsOf({ state, tokens, seconds }: TryAnswer): string {
  switch (state) {
    case 'exporting':
      return 'exporting the checkpoint…';
    case 'loading':
      return 'loading the model…';
    case 'writing':
      return tokens === 0 ? 'reading…' : `${plural(tokens, 'token')}…`;
    case 'given':
      return 'from the dataset';
    case 'failed':
      return 'no answer';
    default: {
      const how = state === 'cut' ? ', cut off at the limit' : state === 'stopped' ? ', stopped' : '';
      return `${plural(tokens, 'token')}${how}${seconds > 0 ? `, ${formatDuration(seconds)}` : ''}`;
    }
  }
}
