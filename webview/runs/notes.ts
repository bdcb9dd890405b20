import type { RunsHostMessage, RunsPageMessage } from '../../src/protocol/runs.js';
import { MarkdownNotes } from '../ui/markdown-notes.js';

/** What somebody wrote down about the run that the keys are on. */
export class NotesPane {
  readonly #notes: MarkdownNotes;
  #folder = '';

  constructor(
    readonly post: (message: RunsPageMessage) => void,
    onClose: () => void,
  ) {
    this.#notes = new MarkdownNotes({
      id: 'notes',
      title: 'Notes',
      onSave: (notes) => post({ type: 'set-notes', folder: this.#folder, notes }),
      onClose,
    });
    this.root.hidden = true;
  }

  get root(): HTMLElement {
    return this.#notes.root;
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(isOpen: boolean): void {
    this.root.hidden = !isOpen;
    if (!isOpen) this.#notes.leave();
  }

  /** Asks for a run's notes, unless those of another are being written. */
  ask(folder: string, name: string): void {
    if (!this.isOpen || folder === this.#folder || this.#notes.isWriting) return;
    this.#folder = folder;
    this.#notes.title = `Notes on ${name}`;
    this.post({ type: 'get-notes', folder });
  }

  show({ folder, notes, read }: Extract<RunsHostMessage, { type: 'notes' }>): void {
    if (folder === this.#folder) this.#notes.show(notes, read);
  }
}
