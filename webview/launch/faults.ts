import { element } from '../ui/dom.js';

/** A field that something is said of. */
export interface FieldLink {
  readonly id: string;
  readonly label: string;
}

/** What stands between a form and its start, in words; fields are links that lead to them. */
export class Faults {
  readonly root = element('p', { class: 'reason', id: 'reason', role: 'status' });
  #shown = '';

  constructor(readonly onFollow: (field: string) => void) {}

  /**
   * @param blocked why there is no start whatever the fields say
   * @param faults fields that need another value
   * @param doubts fields that are warned of
   */
  show(blocked: string, faults: readonly FieldLink[], doubts: readonly FieldLink[]): void {
    // Drawn again, a link would lose the focus of whoever is about to follow it.
    const shown = JSON.stringify([blocked, faults, doubts]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const lines: (Node | string)[][] = [
      ...(blocked === '' ? [] : [[blocked]]),
      ...(faults.length === 0
        ? []
        : [
            [
              faults.length === 1 ? 'One field needs a different value: ' : `${faults.length} fields need a different value: `,
              ...this.#links(faults),
            ],
          ]),
    ];
    this.root.replaceChildren(...lines.map((line) => element('span', { class: 'reason-line' }, ...line)));
    this.doubts.replaceChildren(...(doubts.length === 0 ? [] : ['Check this: ', ...this.#links(doubts)]));
  }

  /** Apart from the reason: they keep nobody from starting. */
  readonly doubts = element('p', { class: 'doubts', role: 'status' });

  #links(fields: readonly FieldLink[]): Node[] {
    return fields.flatMap(({ id, label }, index) => {
      const link = element('button', { class: 'link', type: 'button', 'data-leads-to': id }, label);
      link.addEventListener('click', () => this.onFollow(id));
      return index === 0 ? [link] : [document.createTextNode(', '), link];
    });
  }
}
