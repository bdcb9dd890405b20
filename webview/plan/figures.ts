import type { PlanSide } from '../../src/protocol/plan.js';
import { element } from '../ui/dom.js';

export const SIDE_TITLES: Readonly<Record<PlanSide, string>> = { shared: 'Shared', naive: 'Naive' };

/** A figure of both sides, as text. */
export interface Figure extends Readonly<Record<PlanSide, string>> {
  readonly label: string;
  readonly title: string;
}

/** Figures of both sides, one above the other. Where the window is too narrow for them they move alone, and the page stays. */
export class FigureTable {
  readonly #table = element('table', { class: 'side-figures' });
  readonly root: HTMLElement;

  constructor(
    readonly caption: string,
    /** The upper one first. */
    readonly sides: readonly PlanSide[],
  ) {
    this.root = element('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': caption }, this.#table);
  }

  show(figures: readonly Figure[]): void {
    const heads = figures.map(({ label, title }) => element('th', { scope: 'col', title }, label));
    const rows = this.sides.map((side) =>
      element('tr', {}, element('th', { scope: 'row' }, SIDE_TITLES[side]), ...figures.map((figure) => element('td', {}, figure[side]))),
    );
    this.#table.replaceChildren(
      element('caption', { class: 'sr-only' }, this.caption),
      element('thead', {}, element('tr', {}, element('td', {}), ...heads)),
      element('tbody', {}, ...rows),
    );
  }
}
