import type { ForecastAction, SweepView } from '../../src/protocol/launch.js';
import { createButton } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** What several values come to: how many runs, what they differ in, how long they take. */
export class SweepPane {
  readonly root: HTMLElement;
  readonly #title = element('p', { class: 'sweep-runs', role: 'status' });
  readonly #varied = element('ul');
  readonly #text = element('p', { class: 'detail' });
  readonly #actions = element('div', { class: 'actions' });
  #shown = '';

  constructor(
    readonly onFollow: (field: string) => void,
    readonly onAction: (action: ForecastAction) => void,
  ) {
    this.root = element(
      'section',
      { class: 'sweep', 'aria-label': 'Sweep', hidden: '' },
      ...[element('h2', {}, 'Sweep'), this.#title, this.#varied, this.#text, this.#actions],
    );
  }

  show(view: SweepView): void {
    const { on, title, varied, text, actions } = view;
    this.root.hidden = !on;
    setText(this.#title, title === '' ? (varied.length === 0 ? 'No setting has several values yet.' : '') : title);
    setText(this.#text, text);
    // Drawn again, a link would lose the focus.
    const shown = JSON.stringify([varied, actions]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#varied.replaceChildren(
      ...varied.map(({ field, label, values }) => element('li', {}, this.#name(field, label), document.createTextNode(`: ${values}`))),
    );
    this.#actions.replaceChildren(...actions.map((action) => createButton({ label: action.label, onClick: () => this.onAction(action) })));
  }

  #name(field: string, label: string): HTMLElement {
    if (field === '') return element('span', {}, label);
    const link = element('button', { class: 'link', type: 'button', 'data-leads-to': field }, label);
    link.addEventListener('click', () => this.onFollow(field));
    return link;
  }
}
