import type { RunStatus } from '../../src/protocol/run.js';
import { element } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import { type ChartRun, runColor } from './runs.js';
import { STATE_WORDS } from './words.js';

/** The runs of a panel with several: each with its colour, to be hidden and shown, all but the first to be taken out. */
export class RunChips {
  readonly root = element('div', { class: 'chips', role: 'group', 'aria-label': 'Runs' });

  constructor(
    readonly onToggle: () => void,
    readonly onRemove: (run: number) => void,
  ) {}

  draw(runs: readonly ChartRun[], statuses: readonly (RunStatus | undefined)[], theme: Theme): void {
    this.root.hidden = runs.length < 2;
    this.root.replaceChildren(
      ...runs.map((run, place) => {
        const toggle = element(
          'button',
          { class: 'key', type: 'button', 'aria-pressed': String(run.visible), title: 'Show or hide this run' },
          element('span', { class: 'swatch' }),
          element('span', { class: 'label' }, run.name),
          element('span', { class: 'state' }, STATE_WORDS[statuses[place]?.state ?? 'planned']),
        );
        toggle.style.setProperty('--key-color', runColor(theme, place));
        toggle.addEventListener('click', () => {
          run.visible = !run.visible;
          toggle.setAttribute('aria-pressed', String(run.visible));
          this.onToggle();
        });
        const remove = element('button', { class: 'remove', type: 'button', 'aria-label': `Take ${run.name} out` }, '×');
        remove.addEventListener('click', () => this.onRemove(place));
        return element('span', { class: 'chip' }, toggle, ...(place === 0 ? [] : [remove]));
      }),
    );
  }
}
