import type { TryChoice } from '../../src/protocol/try.js';
import { createDropdown, setDisabled } from '../ui/controls.js';
import { element } from '../ui/dom.js';

/** A list to choose from, made anew when its choices are others. */
export class List {
  readonly root = element('div', { class: 'list' });
  #shown = '';

  constructor(
    readonly label: string,
    readonly onChoose: (key: string) => void,
  ) {}

  show(choices: readonly TryChoice[], chosen: string, disabled: boolean): void {
    const shown = JSON.stringify([choices, chosen]);
    const list = this.root.firstElementChild as (HTMLElement & { value: string }) | null;
    // What somebody chose and then gave up is put back.
    const isGivenUp = list?.value.startsWith('@') === true && list.value !== chosen;
    if (shown !== this.#shown || isGivenUp) {
      this.#shown = shown;
      const options = choices.map(({ key, label }) => ({ value: key, label }));
      const made = createDropdown({
        label: this.label,
        choices: options,
        value: chosen,
        onChange: (key) => {
          if (key !== chosen) this.onChoose(key);
        },
      });
      this.root.replaceChildren(made.root);
    }
    setDisabled(this.root.firstElementChild as HTMLElement, disabled);
  }
}
