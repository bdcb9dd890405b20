import type { TryExample } from '../../src/protocol/try.js';
import { element, setText } from '../ui/dom.js';

/** What the dataset answers to a prompt of it, folded away. */
export class ExampleBox {
  readonly root: HTMLDetailsElement;
  readonly #summary = element('summary');
  readonly #chosen = element('pre', { tabindex: '0', role: 'region', 'aria-label': 'Chosen response' });
  readonly #rejected = element('pre', { tabindex: '0', role: 'region', 'aria-label': 'Rejected response' });

  constructor() {
    this.root = element(
      'details',
      { class: 'example' },
      this.#summary,
      element(
        'div',
        { class: 'answers' },
        element('div', { class: 'answer' }, element('p', { class: 'example-name' }, 'Chosen'), this.#chosen),
        element('div', { class: 'answer' }, element('p', { class: 'example-name' }, 'Rejected'), this.#rejected),
      ),
    );
    this.root.hidden = true;
  }

  show(example: TryExample | null): void {
    this.root.hidden = example === null;
    if (example === null) return;
    setText(this.#summary, `Responses in the dataset (${example.place})`);
    setText(this.#chosen, example.chosen);
    setText(this.#rejected, example.rejected);
  }
}
