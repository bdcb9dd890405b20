import { element } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import { runStyle } from './palette.js';
import type { ChartRun } from './runs.js';
import { swatch } from './swatch.js';

/** The one legend of all charts of a comparison: each run with its colour, to be hidden and shown, and to be taken out. */
export class RunLegend {
  readonly root = element('div', { class: 'legend', role: 'group', 'aria-label': 'Runs' });

  constructor(
    readonly onToggle: () => void,
    readonly onRemove: (run: number) => void,
  ) {}

  draw(runs: readonly ChartRun[], theme: Theme): void {
    this.root.hidden = runs.length < 2;
    if (this.root.hidden) {
      for (const run of runs) run.visible = true;
      return this.root.replaceChildren();
    }
    const entries = runs.map((run, place) => this.#entry(run, place, theme));
    const all = element('button', { class: 'key all', type: 'button', title: 'Show every run, or none' }, 'All');
    all.addEventListener('click', () => {
      const visible = runs.some((run) => !run.visible);
      for (const run of runs) run.visible = visible;
      for (const { toggle } of entries) toggle.setAttribute('aria-pressed', String(visible));
      this.onToggle();
    });
    this.root.replaceChildren(...(runs.length > 2 ? [all] : []), ...entries.map(({ root }) => root));
  }

  #entry(run: ChartRun, place: number, theme: Theme): { readonly root: HTMLElement; readonly toggle: HTMLElement } {
    const { color, dash } = runStyle(theme, place);
    const toggle = element(
      'button',
      { class: 'key', type: 'button', 'aria-pressed': String(run.visible), title: `Show or hide ${run.name} in every chart` },
      swatch(color, dash),
      element('span', { class: 'label' }, run.name),
    );
    toggle.addEventListener('click', () => {
      run.visible = !run.visible;
      toggle.setAttribute('aria-pressed', String(run.visible));
      this.onToggle();
    });
    const remove = element('button', { class: 'remove', type: 'button', 'aria-label': `Remove ${run.name}` }, '×');
    remove.title = `Remove ${run.name} from the comparison`;
    remove.addEventListener('click', () => this.onRemove(place));
    return { root: element('span', { class: 'chip' }, toggle, remove), toggle };
  }
}
