import { formatPercent } from '../../src/format.js';
import type { ForecastAction, ForecastNotice, ForecastView } from '../../src/protocol/launch.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** What the run comes to, before it is started. What was known stays, dimmed, while it is worked out anew. */
export class ForecastPane {
  readonly root: HTMLElement;
  readonly #status = element('p', { class: 'forecast-status', role: 'status' });
  readonly #figures = element('dl', { class: 'forecast-figures' });
  readonly #fault = element('div', { class: 'forecast-fault', role: 'alert' });
  readonly #notices = element('div', { class: 'forecast-notices', role: 'status' });
  #shownNotices = '';
  #view: ForecastView = { kind: 'none' };
  #waits = false;
  readonly #spinner = createSpinner();

  constructor(
    readonly onOpen: () => void,
    readonly onAction: (action: ForecastAction) => void,
  ) {
    const head = element('div', { class: 'forecast-head' }, element('h2', {}, 'Forecast'), this.#spinner);
    this.root = element(
      'section',
      { class: 'forecast', 'aria-label': 'Forecast', tabindex: '0' },
      ...[head, this.#status, this.#fault, this.#figures, this.#notices],
    );
    this.show({ kind: 'none' });
  }

  show(view: ForecastView): void {
    this.root.dataset['kind'] = view.kind;
    this.#spinner.hidden = view.kind !== 'working';
    this.#figures.classList.toggle('old', view.kind === 'working');
    this.#view = view;
    setText(this.#status, statusText(view, this.#waits));
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
    if (view.kind === 'done') this.#showNotices(view.notices);
    else if (view.kind !== 'working') this.#showNotices([]);
    this.#notices.classList.toggle('old', view.kind === 'working');
  }

  /** Says what it waits for while there is none: fields, or what they name on the hub. */
  wait(forDownload: boolean): void {
    this.#waits = forDownload;
    setText(this.#status, statusText(this.#view, forDownload));
  }

  /** Drawn anew only when they say something else: a button with the focus stays where it is. */
  #showNotices(notices: readonly ForecastNotice[]): void {
    const shown = JSON.stringify(notices);
    if (shown === this.#shownNotices) return;
    this.#shownNotices = shown;
    this.#notices.replaceChildren(
      ...notices.map(({ tone, title, text, actions }) =>
        element(
          'div',
          { class: `notice ${tone}` },
          element('h3', {}, title),
          element('p', {}, text),
          ...(actions.length === 0 ? [] : [element('div', { class: 'actions' }, ...this.#buttons(actions))]),
        ),
      ),
    );
  }

  #buttons(actions: readonly ForecastAction[]): HTMLElement[] {
    return actions.map((action) => createButton({ label: action.label, onClick: () => this.onAction(action) }));
  }

  #showFault({ what, where, advice, opens, actions }: Extract<ForecastView, { kind: 'failed' }>): void {
    const open = createButton({ label: 'Open File', onClick: this.onOpen });
    const buttons = [...this.#buttons(actions), ...(opens ? [open] : [])];
    this.#fault.replaceChildren(
      element(
        'div',
        { class: 'notice bad' },
        element('h3', {}, what),
        ...(where === '' ? [] : [element('p', {}, element('code', {}, where))]),
        ...(advice === '' ? [] : [element('p', {}, advice)]),
        ...(buttons.length === 0 ? [] : [element('div', { class: 'actions' }, ...buttons)]),
      ),
    );
  }
}

function statusText(view: ForecastView, forDownload: boolean): string {
  switch (view.kind) {
    case 'none':
      if (forDownload) return 'Steps, tokens, memory and time appear here once everything is downloaded.';
      return 'Steps, tokens, memory and time appear here when all fields are filled in.';
    case 'working':
      return view.fraction < 0 ? `${view.text}…` : `${view.text.replace(/ [\d.]+%$/, '')}: ${formatPercent(view.fraction)}`;
    case 'failed':
      return '';
    case 'done':
      return '';
  }
}
