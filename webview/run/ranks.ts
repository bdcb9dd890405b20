import { formatSeconds } from '../../src/format.js';
import type { RanksStatus, RunStatus } from '../../src/protocol/run.js';
import { element, setText } from '../ui/dom.js';
import { rankLabel, ranksText } from './words.js';

/** How several devices share the latest steps: what they waited for each other, and how long each computed. */
export class RankBars {
  readonly #summary = element('p', { class: 'summary' });
  readonly #list = element('ul', { class: 'rank-bars', 'aria-label': 'Computing of a step by device' });
  readonly root = element(
    'section',
    { class: 'ranks', 'aria-labelledby': 'ranks-title', hidden: '' },
    element('h2', { id: 'ranks-title' }, 'Devices together'),
    this.#summary,
    this.#list,
  );
  /** What is shown, as text, so that it is rebuilt only when it changes. */
  #shown = '';

  draw({ ranks }: RunStatus): void {
    this.root.hidden = ranks === null;
    if (ranks === null) return;
    const shown = JSON.stringify(ranks);
    if (shown === this.#shown) return;
    this.#shown = shown;
    setText(this.#summary, ranksText(ranks));
    this.#list.hidden = ranks.seconds.length === 0;
    this.#list.replaceChildren(...bars(ranks));
  }
}

function bars({ seconds }: RanksStatus): HTMLElement[] {
  const longest = Math.max(...seconds);
  const mean = seconds.reduce((sum, each) => sum + each, 0) / seconds.length;
  return seconds.map((each, rank) => {
    const fill = element('div');
    fill.style.width = `${longest > 0 ? (100 * each) / longest : 0}%`;
    const isSlowest = each === longest && longest > mean;
    return element(
      'li',
      { ...(isSlowest ? { class: 'slowest' } : {}), title: rankLabel(rank, each, mean) },
      element('span', { class: 'rank' }, String(rank)),
      element('div', { class: 'meter', 'aria-hidden': 'true' }, fill),
      element('span', { class: 'value' }, formatSeconds(each)),
    );
  });
}
