import { MASK_ROLES } from '../../src/core/mask/index.js';
import type { PathPiece } from '../../src/core/inspect/index.js';
import { element } from '../ui/dom.js';
import { ROLE_WORDS } from '../ui/roles.js';
import { visibleText } from './scene.js';

/** The decoded text of the path that the token lies on, in the colours of its parts. */
export class PathStrip {
  readonly root = element('section', { class: 'path', 'aria-label': 'Text of the path' });
  readonly #text = element('p', { tabindex: '0' });

  constructor() {
    this.root.append(element('h2', {}, 'Path'), this.#text);
    this.clear('Point at a cell to read the text before its token.');
  }

  clear(hint: string): void {
    this.#text.replaceChildren(element('span', { class: 'hint' }, hint));
  }

  show(pieces: readonly PathPiece[]): void {
    let token: HTMLElement | undefined;
    this.#text.replaceChildren(
      ...pieces.map(({ role: index, text, part }) => {
        const role = MASK_ROLES[index]!;
        const tag = part === 'token' ? 'mark' : 'span';
        const made = element(tag, { class: `${role} ${part}`, title: ROLE_WORDS[role] });
        // A token alone may be nothing but a space or a line's end.
        made.textContent = part === 'token' && text.trim() === '' ? visibleText(text) : text;
        if (part === 'token') token = made;
        return made;
      }),
    );
    if (token !== undefined) this.#text.scrollTop = token.offsetTop - this.#text.clientHeight / 2;
  }
}
