import type { DownloadsView } from '../../src/protocol/launch.js';
import { createButton, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** What the fields name on the hub and is not here yet: how much it is, before anything is fetched, and how far it is then. */
export class DownloadsPane {
  readonly root = element('section', { class: 'downloads', 'aria-label': 'Downloads' });
  readonly #items = element('ul');
  readonly #route = element('p', { class: 'route' });
  readonly #bar = element('progress', { max: '1', 'aria-label': 'Download' });
  readonly #status = element('p', { class: 'status', role: 'status' });
  readonly #fetch: HTMLElement;
  readonly #cancel: HTMLElement;
  #shownItems = '';
  #kind: DownloadsView['kind'] = 'none';

  constructor(onFetch: () => void, onCancel: () => void) {
    this.#fetch = createButton({ label: 'Download', onClick: onFetch });
    this.#cancel = createButton({ label: 'Cancel Download', onClick: onCancel });
    const buttons = element('div', { class: 'actions' }, this.#fetch, this.#cancel);
    this.root.append(element('h2', {}, 'To be downloaded'), this.#items, this.#route, this.#bar, this.#status, buttons);
    this.show({ kind: 'none' });
  }

  /** Whether something is missing that the run needs. */
  get isWanted(): boolean {
    return this.#kind !== 'none';
  }

  /** @param disabled nothing may be fetched now */
  disable(disabled: boolean): void {
    setDisabled(this.#fetch, disabled);
  }

  show(view: DownloadsView): void {
    const { kind } = view;
    this.#kind = kind;
    this.root.dataset['kind'] = kind;
    this.root.hidden = kind === 'none';
    this.#fetch.hidden = kind !== 'wanted';
    this.#cancel.hidden = kind !== 'running';
    this.#bar.hidden = kind !== 'running';
    if (kind === 'none') return;
    const shown = JSON.stringify(view.items);
    if (shown !== this.#shownItems) {
      this.#shownItems = shown;
      this.#items.replaceChildren(
        ...view.items.map(({ name, detail }) => element('li', {}, element('div', {}, name), element('div', { class: 'detail' }, detail))),
      );
    }
    setText(this.#route, view.route);
    if (kind === 'running') this.#bar.value = view.fraction;
    setText(this.#status, kind === 'running' ? view.text : view.said);
    this.#status.hidden = this.#status.textContent === '';
  }
}
