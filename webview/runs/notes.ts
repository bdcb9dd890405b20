import { createButton } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import type { RunsHostMessage, RunsPageMessage } from '../../src/protocol/runs.js';

type Notes = Extract<RunsHostMessage, { type: 'notes' }>;

/** What somebody wrote down about a run, in Markdown: as it reads, and to be changed. */
export class NotesPane {
  readonly root = element('section', { class: 'notes', id: 'notes', 'aria-labelledby': 'notes-title', hidden: '' });
  readonly #title = element('h2', { id: 'notes-title' }, 'Notes');
  readonly #text = element('div', { class: 'notes-read', tabindex: '0', role: 'region', 'aria-label': 'Notes, as they read' });
  readonly #editor = element('textarea', { class: 'notes-edit', rows: '6', 'aria-label': 'Notes in Markdown', hidden: '' });
  readonly #edit = createButton({ label: 'Edit', onClick: () => this.#write(true) });
  readonly #save = createButton({ label: 'Save', appearance: 'primary', title: 'Save (Ctrl+Enter)', onClick: () => this.#keep() });
  readonly #cancel = createButton({ label: 'Cancel', onClick: () => this.#write(false) });
  #folder = '';
  #notes = '';

  constructor(
    readonly post: (message: RunsPageMessage) => void,
    readonly onClose: () => void,
  ) {
    const close = createButton({ label: 'Close', onClick: onClose });
    this.root.append(
      element(
        'div',
        { class: 'notes-head' },
        this.#title,
        element('div', { class: 'actions' }, this.#edit, this.#save, this.#cancel, close),
      ),
      this.#text,
      this.#editor,
    );
    this.#editor.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#keep();
      else if (event.key === 'Escape') this.#write(false);
      else return;
      event.preventDefault();
    });
    this.#write(false);
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(isOpen: boolean): void {
    this.root.hidden = !isOpen;
    if (!isOpen) this.#write(false);
  }

  /** Asks for a run's notes, unless those of another are being written. */
  ask(folder: string, name: string): void {
    if (!this.isOpen || folder === this.#folder || !this.#editor.hidden) return;
    this.#folder = folder;
    setText(this.#title, `Notes on ${name}`);
    this.post({ type: 'get-notes', folder });
  }

  show({ folder, notes, html }: Notes): void {
    if (folder !== this.#folder) return;
    this.#notes = notes;
    // Made by the host, which lets no markup of the notes' own through.
    this.#text.innerHTML = html;
    for (const box of this.#text.querySelectorAll('input')) box.setAttribute('aria-label', box.checked ? 'done' : 'not done');
    if (html === '') this.#text.replaceChildren(element('p', { class: 'none' }, 'None yet.'));
  }

  #write(isWriting: boolean): void {
    this.#editor.hidden = this.#save.hidden = this.#cancel.hidden = !isWriting;
    this.#text.hidden = this.#edit.hidden = isWriting;
    if (!isWriting) return;
    this.#editor.value = this.#notes;
    this.#editor.focus();
  }

  #keep(): void {
    this.post({ type: 'set-notes', folder: this.#folder, notes: this.#editor.value });
    this.#write(false);
  }
}
