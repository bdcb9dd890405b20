import type { PlanSide } from '../../src/protocol/plan.js';
import { element } from '../ui/dom.js';

export const SIDE_TITLES: Readonly<Record<PlanSide, string>> = { shared: 'Shared', naive: 'Naive' };

/** A figure of both sides, as text. */
export interface Figure extends Readonly<Record<PlanSide, string>> {
  readonly label: string;
  readonly title: string;
}

/** Figures of both sides, one above the other. */
export class FigureTable {
  readonly root = element('table', { class: 'side-figures' });

  constructor(
    readonly caption: string,
    /** The upper one first. */
    readonly sides: readonly PlanSide[],
  ) {}

  show(figures: readonly Figure[]): void {
    const heads = figures.map(({ label, title }) => element('th', { scope: 'col', title }, label));
    const rows = this.sides.map((side) =>
      element('tr', {}, element('th', { scope: 'row' }, SIDE_TITLES[side]), ...figures.map((figure) => element('td', {}, figure[side]))),
    );
    this.root.replaceChildren(
      element('caption', { class: 'sr-only' }, this.caption),
      element('thead', {}, element('tr', {}, element('td', {}), ...heads)),
      element('tbody', {}, ...rows),
    );
  }
}
