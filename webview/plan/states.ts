import { formatPercent } from '../../src/format.js';
import type { PlanHostMessage, PlanRequest } from '../../src/protocol/plan.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

type Ask = (request: PlanRequest) => void;

/** What stands in the page while there is no plan in it: how opening it goes, or why there is none. */
export class PlanStates {
  readonly root = element('div', { class: 'empty' });
  readonly #ask: Ask;
  #opening: { readonly text: HTMLElement; readonly bar: HTMLElement } | undefined;

  constructor(ask: Ask) {
    this.#ask = ask;
    this.show({ type: 'opening', text: 'Opening the plan', fraction: null });
  }

  show(message: Extract<PlanHostMessage, { type: 'opening' | 'empty' }>): void {
    if (message.type === 'opening') this.#showOpening(message.text, message.fraction);
    else this.#showEmpty(message);
  }

  #showOpening(text: string, fraction: number | null): void {
    if (this.#opening === undefined) {
      const line = element('p', { role: 'status', 'aria-live': 'polite' });
      const bar = element('progress', { max: '1', 'aria-label': 'Progress' });
      this.#opening = { text: line, bar };
      const cancel = createButton({ label: 'Cancel', onClick: () => this.#ask('cancel') });
      this.root.replaceChildren(createSpinner(), line, bar, cancel);
    }
    const { text: line, bar } = this.#opening;
    // Percentages are the bar's: a live region that counts would be read out without end.
    setText(line, text.replace(/ [\d.]+%$/, ''));
    if (fraction === null) bar.removeAttribute('value');
    else bar.setAttribute('value', String(fraction));
    bar.setAttribute('aria-valuetext', fraction === null ? 'begins' : formatPercent(fraction));
  }

  #showEmpty({ reason, advice, again }: Extract<PlanHostMessage, { type: 'empty' }>): void {
    this.#opening = undefined;
    this.root.replaceChildren(
      element('h1', {}, 'No plan to show'),
      element('p', { role: 'alert' }, reason, ...(advice === '' ? [] : [element('br'), advice])),
      element(
        'div',
        { class: 'actions' },
        ...(again ? [createButton({ label: 'Try Again', onClick: () => this.#ask('again') })] : []),
        createButton({ label: 'Choose Another Plan…', appearance: 'primary', onClick: () => this.#ask('choose') }),
      ),
    );
  }
}

/** One line above a plan that says what has changed around it; empty when nothing has. */
export class PlanNotice {
  readonly root = element('div', { class: 'notice-area', role: 'status', 'aria-live': 'polite' });
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  show({ text, again }: Extract<PlanHostMessage, { type: 'notice' }>): void {
    if (text === '') {
      this.root.replaceChildren();
      return;
    }
    const notice = element('div', { class: 'notice plain line' }, element('span', {}, text));
    if (again) notice.append(createButton({ label: 'Plan Again', onClick: () => this.#ask('again') }));
    this.root.replaceChildren(notice);
  }
}
