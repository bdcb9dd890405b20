import { formatCount, formatRatio } from '../../src/format.js';
import type { Measurement } from '../../src/protocol/speedup.js';
import { element } from '../ui/dom.js';

/** All that was measured, newest first; a row's button shows it. */
export class HistoryTable {
  readonly root = element('section', { 'aria-label': 'History' });

  constructor(readonly onShow: (id: string) => void) {}

  show(history: readonly Measurement[], shown: string | undefined): void {
    if (history.length === 0) return this.root.replaceChildren();
    const head = ['Measured', 'Dataset', 'Model', 'Device', 'Sharing', 'Pairs', 'Tokens', 'FLOPs', 'Predicted', 'Time', 'Rounds'];
    const rows = history.map((each) => {
      const open = element('button', { type: 'button', class: 'link', 'aria-pressed': String(each.id === shown) }, each.when);
      open.addEventListener('click', () => this.onShow(each.id));
      const cells = [
        each.dataset,
        each.model,
        each.device,
        each.sharing,
        formatCount(each.pairs),
        formatRatio(each.tokens.naive / each.tokens.shared),
        formatRatio(each.flops.naive / each.flops.shared),
        formatRatio(each.predictedRatio),
        formatRatio(each.ratio),
        `${each.rounds}: ${formatRatio(each.ratioLeast)} to ${formatRatio(each.ratioMost)}`,
      ];
      return element(
        'tr',
        { class: each.id === shown ? 'shown' : '' },
        element('th', { scope: 'row' }, open),
        ...cells.map((text) => element('td', {}, text)),
      );
    });
    const table = element(
      'table',
      {},
      element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text)))),
      element('tbody', {}, ...rows),
    );
    this.root.replaceChildren(
      element('h2', {}, 'Earlier measurements'),
      element('div', { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'Measurements' }, table),
    );
  }
}
