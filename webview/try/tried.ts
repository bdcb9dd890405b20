import { formatDuration, plural } from '../../src/format.js';
import type { Tried, TryCopy, TryPageMessage, TryText } from '../../src/protocol/try.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** One prompt, and what the models have made of it. */
export class TriedBox {
  readonly root: HTMLElement;
  readonly #prompt: HTMLPreElement;
  readonly #settings = element('p', { class: 'tried-settings' });
  readonly #status = element('p', { class: 'tried-status', role: 'status' });
  readonly #policy: TextBox;
  readonly #reference: TextBox;
  readonly #forget: HTMLElement;
  #text = '';

  constructor(id: number, post: (message: TryPageMessage) => void, onAgain: (prompt: string) => void) {
    const copy = (what: TryCopy, label: string): HTMLElement => {
      const button = createButton({ label: 'Copy', title: label, onClick: () => post({ type: 'copy', id, what }) });
      button.setAttribute('aria-label', label);
      return button;
    };
    this.#prompt = element('pre', { tabindex: '0', role: 'region', 'aria-label': 'Prompt' });
    this.#policy = new TextBox('Policy', copy('policy', 'Copy what the policy wrote'));
    this.#reference = new TextBox('Reference', copy('reference', 'Copy what the reference wrote'));
    this.#forget = createButton({ label: 'Remove', onClick: () => post({ type: 'forget', id }) });
    this.root = element(
      'article',
      { class: 'tried-box', 'aria-label': 'Prompt and completions', 'data-id': String(id) },
      element(
        'div',
        { class: 'tried-head' },
        this.#settings,
        element(
          'div',
          { class: 'actions' },
          createButton({ label: 'Use Again', title: 'Put the prompt into the box above', onClick: () => onAgain(this.#text) }),
          createButton({ label: 'Copy All', onClick: () => post({ type: 'copy', id, what: 'all' }) }),
          this.#forget,
        ),
      ),
      this.#prompt,
      element('div', { class: 'tried-texts' }, this.#policy.root, this.#reference.root),
      this.#status,
    );
  }

  show(tried: Tried, hasReference: boolean, working: boolean): void {
    const { prompt, settings, policy, reference, state, problem } = tried;
    this.#text = prompt;
    setText(this.#prompt, prompt);
    const drawn =
      settings.temperature === 0 ? 'temperature 0' : `temperature ${settings.temperature}, top p ${settings.topP}, seed ${settings.seed}`;
    setText(this.#settings, `At most ${plural(settings.maxTokens, 'token')}, ${drawn}${settings.plain ? ', text continued' : ''}`);
    this.#policy.show(policy, state === 'policy');
    this.#reference.show(reference, state === 'reference');
    this.#reference.root.hidden = !hasReference && reference === null;
    this.root.dataset['state'] = state;
    setText(this.#status, statusText(state, problem));
    this.#forget.hidden = working && (state === 'policy' || state === 'reference');
  }
}

function statusText(state: Tried['state'], problem: string): string {
  if (state === 'cancelled') return 'Cancelled.';
  return state === 'failed' ? problem : '';
}

/** What one model wrote. */
class TextBox {
  readonly root: HTMLElement;
  readonly #text: HTMLPreElement;
  readonly #facts = element('span', { class: 'text-facts' });
  readonly #spinner = createSpinner();

  constructor(
    name: string,
    readonly copy: HTMLElement,
  ) {
    this.#text = element('pre', { tabindex: '0', role: 'region', 'aria-label': name });
    this.root = element(
      'div',
      { class: `text ${name.toLowerCase()}` },
      element('div', { class: 'text-head' }, element('h2', {}, name), this.#spinner, this.#facts, copy),
      this.#text,
    );
  }

  show(written: TryText | null, working: boolean): void {
    this.#spinner.hidden = !working;
    this.copy.hidden = written === null;
    setText(this.#text, written?.text ?? '');
    setText(this.#facts, working ? 'writing…' : written === null ? '' : factsText(written));
  }
}

function factsText({ tokens, ended, seconds }: TryText): string {
  return `${plural(tokens, 'token')}${ended ? '' : ', cut off at the limit'}, ${formatDuration(seconds)}`;
}
