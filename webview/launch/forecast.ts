import { formatPercent } from '../../src/format.js';
import type { ForecastView } from '../../src/protocol/launch.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** What the run comes to, before it is started. What was known stays, dimmed, while it is worked out anew. */
export class ForecastPane {
  readonly root: HTMLElement;
  readonly #status = element('p', { class: 'forecast-status', role: 'status' });
  readonly #figures = element('dl', { class: 'forecast-figures' });
  readonly #fault = element('div', { class: 'forecast-fault', role: 'alert' });
  readonly #spinner = createSpinner();

  constructor(readonly onOpen: () => void) {
    const head = element('div', { class: 'forecast-head' }, element('h2', {}, 'Forecast'), this.#spinner);
    this.root = element('section', { class: 'forecast', 'aria-label': 'Forecast', tabindex: '0' }, head, this.#status, this.#fault, this.#figures);
    this.show({ kind: 'none' });
  }

  show(view: ForecastView): void {
    this.root.dataset['kind'] = view.kind;
    this.#spinner.hidden = view.kind !== 'working';
    this.#figures.classList.toggle('old', view.kind === 'working');
    setText(this.#status, statusText(view));
    if (view.kind === 'failed') this.#showFault(view);
    else if (this.#fault.childNodes.length > 0) this.#fault.replaceChildren();
    if (view.kind === 'done') {
      this.#figures.replaceChildren(
        ...view.figures.map(({ label, value, detail, tone }) =>
          element(
            'div',
            { class: tone },
            element('dt', {}, label),
            element('dd', { class: 'value' }, value),
            element('dd', { class: 'detail' }, detail),
          ),
        ),
      );
    } else if (view.kind !== 'working') {
      this.#figures.replaceChildren();
    }
  }

  #showFault({ what, where, advice, opens }: Extract<ForecastView, { kind: 'failed' }>): void {
    const open = createButton({ label: 'Open File', onClick: this.onOpen });
    this.#fault.replaceChildren(
      element(
        'div',
        { class: 'notice bad' },
        element('h3', {}, what),
        ...(where === '' ? [] : [element('p', {}, element('code', {}, where))]),
        ...(advice === '' ? [] : [element('p', {}, advice)]),
        ...(opens ? [element('div', { class: 'actions' }, open)] : []),
      ),
    );
  }
}

function statusText(view: ForecastView): string {
  switch (view.kind) {
    case 'none':
      return 'Steps, tokens, memory and time appear here once the fields are complete.';
    case 'working':
      return view.fraction < 0 ? `${view.text}…` : `${view.text.replace(/ [\d.]+%$/, '')}: ${formatPercent(view.fraction)}`;
    case 'failed':
      return '';
    case 'done':
      return '';
  }
}
