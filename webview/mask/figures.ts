import { element } from '../ui/dom.js';
import type { Figure } from './words.js';

/** What a bin comes to, shared above naive. */
export class FigureTable {
  readonly root = element('table', { class: 'bin-figures' });

  show(figures: readonly Figure[]): void {
    const row = (name: string, value: (figure: Figure) => string): HTMLElement =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, name),
        ...figures.map((figure) => element('td', {}, value(figure))),
      );
    this.root.replaceChildren(
      element('caption', { class: 'sr-only' }, 'This bin, shared and naive'),
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          element('td', {}),
          ...figures.map(({ label, title }) => element('th', { scope: 'col', title }, label)),
        ),
      ),
      element(
        'tbody',
        {},
        row('Shared', ({ shared }) => shared),
        row('Naive', ({ naive }) => naive),
      ),
    );
  }
}
