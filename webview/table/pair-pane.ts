import type { PairView, Part, ShownTurn } from '../../src/core/dataset-table/index.js';
import { formatCount } from '../../src/format.js';
import type { TablePageMessage } from '../../src/protocol/table.js';
import { createButton } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import { pieceNodes } from './words.js';

const LABELS: Readonly<Record<Part, string>> = { prompt: 'Prompt', chosen: 'Chosen', rejected: 'Rejected' };

/** All of one pair: its conversation, both responses side by side, what is wrong with it; where its texts are changed. */
export class PairPane {
  readonly root = element('section', { class: 'pair', hidden: '', 'aria-label': 'Pair' });
  #view: PairView | undefined;
  #canEdit = false;
  /** The text that is being changed. */
  #writing: HTMLTextAreaElement | undefined;

  constructor(
    readonly post: (message: TablePageMessage) => void,
    readonly onClose: () => void,
    readonly onChanged: () => void,
  ) {
    this.root.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || this.#writing !== undefined) return;
      event.preventDefault();
      this.onClose();
    });
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  open(isOpen: boolean): void {
    this.root.hidden = !isOpen;
    if (!isOpen) this.#writing = undefined;
  }

  setCanEdit(canEdit: boolean): void {
    this.#canEdit = canEdit;
  }

  /** Nobody is writing in it. */
  get mayChange(): boolean {
    return this.#writing === undefined;
  }

  show(view: PairView): void {
    this.#view = view;
    this.#writing = undefined;
    this.#draw();
  }

  #draw(): void {
    const view = this.#view!;
    const { row, pair, pairs, line, raw, problems } = view;
    const title = `Row ${formatCount(row + 1)}${pairs > 1 ? `, pair ${pair + 1} of ${pairs}` : ''}${line === null ? '' : `, line ${formatCount(line)}`}`;
    const key = { row, pair };
    const compare = createButton({
      label: 'Compare in Editor',
      title: 'Open rejected and chosen in the diff editor (Ctrl+Enter in the table)',
      onClick: () => this.post({ type: 'act', action: 'compare', key }),
    });
    const open = createButton({
      label: 'Open Row',
      title: 'Show the row in the text of the file',
      onClick: () => this.post({ type: 'act', action: 'open-row', key }),
    });
    const tokens = createButton({
      label: 'Show Tokens…',
      title: 'The tokens of this pair, with those of the chat template',
      onClick: () => this.post({ type: 'act', action: 'show-tokens', key }),
    });
    const close = createButton({ label: 'Close', title: 'Back to the table (Escape)', onClick: () => this.onClose() });
    this.root.replaceChildren(
      element('div', { class: 'pair-head' }, element('h2', {}, title), ...(raw === null ? [compare, tokens] : []), open, close),
      ...(problems.length === 0
        ? []
        : [
            element(
              'ul',
              { class: 'pair-problems' },
              ...problems.map(({ check, what, advice }) =>
                element('li', {}, element('strong', {}, check), what === '' ? '' : ` ${what}${advice === '' ? '' : `; ${advice}`}`),
              ),
            ),
          ]),
      ...(raw === null
        ? [this.#part('prompt'), element('div', { class: 'sides' }, this.#part('chosen'), this.#part('rejected'))]
        : [element('pre', { class: 'raw', tabindex: '0' }, raw)]),
    );
  }

  #part(part: Part): HTMLElement {
    const turns = this.#view![part];
    const isDiffed = part !== 'prompt' && turns.length === 1;
    return element(
      'section',
      { class: `part ${part}`, 'aria-label': LABELS[part] },
      element('h3', {}, LABELS[part]),
      ...(turns.length === 0 ? [element('p', { class: 'none' }, 'Nothing')] : []),
      ...turns.map((turn, number) => this.#turn(part, turn, number, isDiffed)),
    );
  }

  #turn(part: Part, { role, text, isCut }: ShownTurn, number: number, isDiffed: boolean): HTMLElement {
    const shown = element(
      'div',
      { class: 'turn-text', dir: 'auto', ...(isCut ? { title: 'Cut here; Compare in Editor and Open Row show all of it' } : {}) },
      ...(isDiffed ? pieceNodes(this.#view!.diff[part as 'chosen' | 'rejected'], part as 'chosen' | 'rejected') : [text]),
    );
    const head = element('div', { class: 'turn-head' }, ...(role === null ? [] : [element('span', { class: 'role' }, role)]));
    const turn = element('div', { class: 'turn' }, head, shown);
    // What is cut, or shown by its code, cannot be written back.
    if (this.#canEdit && !isCut && !/\\u[0-9a-f]{4}/.test(text)) {
      const what = role === null ? LABELS[part].toLowerCase() : `${LABELS[part].toLowerCase()}, ${role} ${number + 1}`;
      const edit = createButton({ label: 'Edit', onClick: () => this.#write(part, number, text, turn, shown, head) });
      edit.setAttribute('aria-label', `Edit ${what}`);
      edit.classList.add('edit');
      head.append(edit);
    }
    return turn;
  }

  #write(part: Part, number: number, text: string, turn: HTMLElement, shown: HTMLElement, head: HTMLElement): void {
    const { row, pair } = this.#view!;
    const area = element('textarea', { class: 'write', 'aria-label': `New text of ${LABELS[part].toLowerCase()}`, spellcheck: 'false' });
    area.value = text;
    area.rows = Math.min(16, Math.max(3, text.split('\n').length + Math.floor(text.length / 80)));
    const end = (): void => {
      this.#writing = undefined;
      this.#draw();
      this.onChanged();
    };
    const save = (): void => {
      const changed = area.value !== text;
      end();
      if (changed) this.post({ type: 'edit', key: { row, pair }, part, turn: number, text: area.value });
    };
    area.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') end();
      else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) save();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.#writing = area;
    shown.replaceWith(area);
    head.querySelector('.edit')?.remove();
    turn.append(
      element(
        'div',
        { class: 'write-buttons' },
        createButton({
          label: 'Apply',
          appearance: 'primary',
          title: 'Change the file’s text (Ctrl+Enter); Undo takes it back',
          onClick: save,
        }),
        createButton({ label: 'Cancel', onClick: end }),
      ),
    );
    area.focus();
  }
}
