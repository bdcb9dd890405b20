import type { RunPageRequest } from '../../src/protocol/run.js';
import { createButton } from '../ui/controls.js';
import { element } from '../ui/dom.js';

/** The last lines of the runner's log, as they come; asked for only while it is open. */
export class LogTail {
  readonly root: HTMLDetailsElement;
  readonly #lines = element('pre', { tabindex: '0', role: 'region', 'aria-label': "The runner's log" });

  constructor(ask: (request: RunPageRequest) => void) {
    this.#lines.textContent = 'Nothing yet.';
    this.root = element(
      'details',
      { class: 'log' },
      element('summary', {}, 'Log'),
      this.#lines,
      element('div', { class: 'actions' }, createButton({ label: 'Open Log', onClick: () => ask('show-log') })),
    );
    this.root.addEventListener('toggle', () => ask(this.root.open ? 'follow-log' : 'leave-log'));
  }

  show(lines: readonly string[]): void {
    // Whoever has scrolled up reads: then it stays there.
    const atEnd = this.#lines.scrollTop + this.#lines.clientHeight >= this.#lines.scrollHeight - 8;
    this.#lines.textContent = lines.length === 0 ? 'Nothing yet.' : lines.join('\n');
    if (atEnd) this.#lines.scrollTop = this.#lines.scrollHeight;
  }
}
