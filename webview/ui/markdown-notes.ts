import './markdown-notes.css';

import type { MarkNode } from '../../src/protocol/markdown.js';
import { createButton } from './controls.js';
import { element, setText } from './dom.js';

export interface MarkdownNotesOptions {
  /** Distinguishes the ids of its parts. */
  readonly id: string;
  readonly title: string;
  readonly onSave: (notes: string) => void;
  /** There is a button to close it, where somebody can. */
  readonly onClose?: () => void;
}

/** Notes in Markdown: as they read, and to be changed. */
export class MarkdownNotes {
  readonly root: HTMLElement;
  readonly #title: HTMLElement;
  readonly #text = element('div', { class: 'notes-read', tabindex: '0', role: 'region', 'aria-label': 'Notes, as they read' });
  readonly #editor = element('textarea', { class: 'notes-edit', rows: '6', 'aria-label': 'Notes in Markdown', hidden: '' });
  readonly #edit = createButton({ label: 'Edit', onClick: () => this.#write(true) });
  readonly #save = createButton({ label: 'Save', appearance: 'primary', title: 'Save (Ctrl+Enter)', onClick: () => this.#keep() });
  readonly #cancel = createButton({ label: 'Cancel', onClick: () => this.#write(false) });
  #notes = '';

  constructor(readonly options: MarkdownNotesOptions) {
    const { id, title, onClose } = options;
    this.#title = element('h2', { id: `${id}-title` }, title);
    const close = onClose === undefined ? [] : [createButton({ label: 'Close', onClick: onClose })];
    this.root = element(
      'section',
      { class: 'markdown-notes', id, 'aria-labelledby': `${id}-title` },
      element(
        'div',
        { class: 'notes-head' },
        this.#title,
        element('div', { class: 'actions' }, this.#edit, this.#save, this.#cancel, ...close),
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

  /** Whether they are being changed. */
  get isWriting(): boolean {
    return !this.#editor.hidden;
  }

  set title(title: string) {
    setText(this.#title, title);
  }

  /** Ends writing without keeping it. */
  leave(): void {
    this.#write(false);
  }

  /** @param read the same, as they read */
  show(notes: string, read: readonly MarkNode[]): void {
    this.#notes = notes;
    const shown = read.length === 0 ? [element('p', { class: 'none' }, 'None yet.')] : read.map(nodeOf);
    this.#text.replaceChildren(...shown);
  }

  #write(isWriting: boolean): void {
    this.#editor.hidden = this.#save.hidden = this.#cancel.hidden = !isWriting;
    this.#text.hidden = this.#edit.hidden = isWriting;
    if (!isWriting) return;
    this.#editor.value = this.#notes;
    this.#editor.focus();
  }

  #keep(): void {
    this.options.onSave(this.#editor.value);
    this.#write(false);
  }
}

/** Kinds are few and harmless: the message they came in was checked. */
function nodeOf(node: MarkNode): Node | string {
  if (typeof node === 'string') return node;
  const { tag, inside, href, done, start } = node;
  const made = element(tag as keyof HTMLElementTagNameMap, {}, ...inside.map(nodeOf));
  if (href !== undefined) made.setAttribute('href', href);
  if (start !== undefined) made.setAttribute('start', String(start));
  if (done !== undefined) {
    made.className = 'task';
    made.prepend(element('span', { role: 'img', 'aria-label': done ? 'done' : 'not done' }, done ? '☑' : '☐'), ' ');
  }
  return made;
}
