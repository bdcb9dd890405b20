import type { FieldSpec } from '../../src/protocol/form.js';
import { createCheckbox, createChooser, createDropdown, createTextField } from './controls.js';
import { createDevices } from './devices.js';
import { element, setText } from './dom.js';
import { createLosses } from './losses.js';
import { createPaths } from './paths.js';

/** A control of any kind: its value is text, as the host takes it. */
export interface FieldControl {
  readonly root: HTMLElement;
  value: string;
  /** What screen readers call it, and whether it is wrong. */
  describe(label: string, invalid: boolean): void;
}

/** A button below a field, by what it says. */
export interface FieldAction {
  readonly label: string;
  readonly onClick: () => void;
}

export interface FieldActions {
  readonly onChange: (value: string) => void;
  /** Asks for a file or folder with a dialog. @param index of several paths */
  readonly onChoose: (index: number) => void;
}

/** One field: label, control, and below it what it is for, what is known of its value, or what is wrong with it. */
export class Field {
  readonly root: HTMLElement;
  readonly #control: FieldControl;
  readonly #text = element('p', { class: 'field-text' });
  readonly #actions = element('p', { class: 'field-actions' });
  #shownActions = '';

  constructor(
    readonly spec: FieldSpec,
    value: string,
    actions: FieldActions,
  ) {
    this.#control = controlOf(spec, value, actions);
    const label = element('span', { class: 'field-label', 'aria-hidden': 'true' }, spec.label);
    // A checkbox has its label beside it.
    const head = spec.kind === 'flag' ? [] : [label];
    const chooser = spec.kind === 'path' ? [createChooser(spec.label, '', () => actions.onChoose(0))] : [];
    const control = chooser.length > 0 ? element('div', { class: 'path-row' }, this.#control.root, ...chooser) : this.#control.root;
    this.root = element(
      'div',
      { class: 'field', 'data-kind': spec.kind, 'data-field': spec.id },
      ...head,
      control,
      this.#text,
      this.#actions,
    );
    this.show({ problem: undefined, note: undefined, changed: false, hidden: false });
  }

  get value(): string {
    return this.#control.value;
  }

  set value(next: string) {
    if (this.#control.value !== next) this.#control.value = next;
  }

  show(state: {
    readonly problem: string | undefined;
    /** Said as what is wanted, not as what is wrong. */
    readonly quiet?: boolean;
    readonly warning?: string | undefined;
    readonly note: string | undefined;
    readonly changed: boolean;
    readonly hidden: boolean;
  }): void {
    const { problem, quiet = false, warning, note, changed, hidden } = state;
    const isWrong = problem !== undefined && !quiet;
    const { label, help } = this.spec;
    this.root.hidden = hidden;
    this.root.classList.toggle('wrong', isWrong);
    this.root.classList.toggle('doubtful', problem === undefined && warning !== undefined);
    this.root.classList.toggle('changed', changed);
    setText(this.#text, problem ?? warning ?? note ?? help);
    this.#control.describe([label, ...(changed ? ['changed'] : []), problem ?? warning ?? help].join('. '), isWrong);
  }

  /** What can be done about what is said of the field. Drawn anew only when it is something else: a button with the focus stays. */
  offer(actions: readonly FieldAction[]): void {
    const shown = actions.map(({ label }) => label).join('\n');
    if (shown === this.#shownActions) return;
    this.#shownActions = shown;
    this.#actions.replaceChildren(
      ...actions.map(({ label, onClick }) => {
        const link = element('button', { class: 'link', type: 'button', 'aria-label': `${label}: ${this.spec.label}` }, label);
        link.addEventListener('click', onClick);
        return link;
      }),
    );
  }

  focus(): void {
    this.#control.root.focus();
  }
}

function controlOf({ kind, label, choices }: FieldSpec, value: string, actions: FieldActions): FieldControl {
  const { onChange } = actions;
  switch (kind) {
    case 'choice': {
      const dropdown = createDropdown({ label, choices, value, onChange });
      return withDescription(dropdown.root, {
        get: () => dropdown.value,
        set: (next) => (dropdown.value = next),
      });
    }
    case 'flag': {
      const checkbox = createCheckbox({ label, checked: value === 'true', onChange: (checked) => onChange(String(checked)) });
      return withDescription(checkbox, {
        get: () => String(checkbox.checked),
        set: (next) => (checkbox.checked = next === 'true'),
      });
    }
    case 'paths':
      return createPaths(label, value, actions);
    case 'devices':
      return createDevices(label, choices, value, onChange);
    case 'losses':
      return createLosses(choices, value, onChange);
    default: {
      const field = createTextField({ label, value, onInput: onChange });
      return withDescription(field.root, { get: () => field.value, set: (next) => (field.value = next) });
    }
  }
}

function withDescription(
  root: HTMLElement,
  { get, set }: { readonly get: () => string; readonly set: (next: string) => void },
): FieldControl {
  return {
    root,
    get value() {
      return get();
    },
    set value(next) {
      set(next);
    },
    describe(label, invalid) {
      root.setAttribute('aria-label', label);
      if (invalid) root.setAttribute('aria-invalid', 'true');
      else root.removeAttribute('aria-invalid');
    },
  };
}
