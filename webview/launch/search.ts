import { createTextField } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** A search over the fields of a form, above it. */
export class FieldSearch {
  readonly root: HTMLElement;
  readonly #count = element('span', { class: 'search-count', role: 'status' });
  readonly #input = createTextField({
    label: 'Search settings',
    value: '',
    placeholder: 'Search settings',
    onInput: (text) => this.onSearch(text.trim()),
  });

  /**
   * @param onSearch called with what is searched for; empty for nothing
   * @param onEnter asks for the first field that is shown
   */
  constructor(
    readonly onSearch: (text: string) => void,
    onEnter: () => void,
  ) {
    this.root = element('div', { class: 'form-search', role: 'search' }, this.#input.root, this.#count);
    this.root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && this.#input.value !== '') this.clear();
      else if (event.key === 'Enter' || event.key === 'ArrowDown') onEnter();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  get text(): string {
    return this.#input.value.trim();
  }

  focus(): void {
    this.#input.root.focus();
  }

  tell(found: number, all: number): void {
    setText(this.#count, this.text === '' ? '' : found === 0 ? 'No matches' : `${found} of ${all}`);
  }

  clear(): void {
    if (this.text === '') return;
    this.#input.value = '';
    this.onSearch('');
  }
}
