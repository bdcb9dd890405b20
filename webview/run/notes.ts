import { LONGEST_NOTES, type RunPageMessage } from '../../src/protocol/run.js';
import { element, setText } from '../ui/dom.js';

/** Kept once nobody has typed for so long. */
const WAIT_MILLISECONDS = 600;

/** What somebody writes down about a run; kept while it is typed. */
export class Notes {
  readonly root: HTMLDetailsElement;
  readonly #text = element('textarea', {
    class: 'notes-text',
    'aria-label': 'Notes on this run',
    rows: '4',
    maxlength: String(LONGEST_NOTES),
    placeholder: 'What you tried, and how it went',
  });
  readonly #state = element('span', { class: 'notes-state', role: 'status', 'aria-live': 'polite' });
  #folder = '';
  /** As the host has them. */
  #kept = '';
  #timer: number | undefined;

  constructor(readonly post: (message: RunPageMessage) => void) {
    this.root = element('details', { class: 'notes' }, element('summary', {}, 'Notes'), this.#text, this.#state);
    this.#text.addEventListener('input', () => {
      setText(this.#state, '');
      window.clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.#keep(), WAIT_MILLISECONDS);
    });
    this.#text.addEventListener('blur', () => this.#keep());
  }

  /** Takes over a run's notes; what is being typed stays. */
  show(folder: string, notes: string): void {
    const isOther = folder !== this.#folder;
    const isTyped = this.#text.value !== this.#kept;
    if (notes === this.#text.value && !isOther && isTyped) setText(this.#state, 'Saved');
    this.#folder = folder;
    this.#kept = notes;
    if (isOther || !isTyped) this.#text.value = notes;
    if (isOther && notes !== '') this.root.open = true;
  }

  /** Opens them to be written. */
  edit(): void {
    this.root.open = true;
    this.root.scrollIntoView({ block: 'nearest' });
    this.#text.focus();
  }

  #keep(): void {
    window.clearTimeout(this.#timer);
    const notes = this.#text.value;
    if (notes !== this.#kept) this.post({ type: 'set-notes', folder: this.#folder, notes });
  }
}
