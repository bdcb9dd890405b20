import type { FieldSpec } from '../../src/protocol/form.js';
import { createCheckbox, createChooser, createDropdown, createTextField } from './controls.js';
import { createDevices } from './devices.js';
import { element, setText } from './dom.js';
import type { FieldAction, FieldActions, FieldControl } from './field-control.js';
import { createLosses } from './losses.js';
import { createPaths } from './paths.js';
import { createSeveral } from './several.js';

/** One field: label, control, and below it what it is for, what is known of its value, or what is wrong with it. */
export class Field {
  readonly root: HTMLElement;
  #control: FieldControl;
  readonly #body = element('div', { class: 'field-control' });
  readonly #label: HTMLElement;
  readonly #several = element('button', { class: 'link several', type: 'button', hidden: '' });
  readonly #text = element('p', { class: 'field-text' });
  readonly #actions = element('p', { class: 'field-actions' });
  #shownActions = '';
  /** As the host has it: a control knows no more than it can show. */
  #value: string;
  #hasSeveral = false;

  constructor(
    readonly spec: FieldSpec,
    value: string,
    readonly actions: FieldActions,
  ) {
    this.#value = value;
    this.#label = element('span', { class: 'field-label', 'aria-hidden': 'true' }, spec.label);
    this.#several.addEventListener('click', () => actions.onSeveral?.(!this.#hasSeveral));
    this.root = element(
      'div',
      { class: 'field', 'data-kind': spec.kind, 'data-field': spec.id },
      element('div', { class: 'field-head' }, this.#label, this.#several),
      this.#body,
      this.#text,
      this.#actions,
    );
    this.#control = this.#make();
    this.show({ problem: undefined, note: undefined, changed: false, hidden: false });
  }

  get value(): string {
    return this.#value;
  }

  set value(next: string) {
    this.#value = next;
    if (this.#control.value !== next) this.#control.value = next;
  }

  #make(): FieldControl {
    const { spec, actions } = this;
    const onChange = (value: string): void => {
      this.#value = value;
      actions.onChange(value);
    };
    const control =
      this.#hasSeveral && spec.kind !== 'number'
        ? createSeveral(spec, this.#value, onChange)
        : controlOf(spec, this.#value, { ...actions, onChange });
    const chooser = spec.kind === 'path' ? [createChooser(spec.label, '', () => actions.onChoose(0))] : [];
    this.#body.replaceChildren(chooser.length > 0 ? element('div', { class: 'path-row' }, control.root, ...chooser) : control.root);
    // A checkbox has its label beside it.
    this.#label.hidden = spec.kind === 'flag' && !this.#hasSeveral;
    return control;
  }

  show(state: {
    readonly problem: string | undefined;
    /** Said as what is wanted, not as what is wrong. */
    readonly quiet?: boolean;
    readonly warning?: string | undefined;
    readonly note: string | undefined;
    readonly changed: boolean;
    readonly hidden: boolean;
    /** Whether it has several values; undefined where it cannot. */
    readonly several?: boolean | undefined;
  }): void {
    const { problem, quiet = false, warning, note, changed, hidden, several } = state;
    this.#showSeveral(several);
    const isWrong = problem !== undefined && !quiet;
    const { label, kind } = this.spec;
    const help = this.#hasSeveral && kind === 'number' ? `Values with commas between. ${this.spec.help}` : this.spec.help;
    this.root.hidden = hidden;
    this.root.classList.toggle('wrong', isWrong);
    this.root.classList.toggle('doubtful', problem === undefined && warning !== undefined);
    this.root.classList.toggle('changed', changed);
    setText(this.#text, problem ?? warning ?? note ?? help);
    this.#control.describe([label, ...(changed ? ['changed'] : []), problem ?? warning ?? help].join('. '), isWrong);
  }

  #showSeveral(several: boolean | undefined): void {
    this.#several.hidden = several === undefined || this.actions.onSeveral === undefined;
    if ((several ?? false) !== this.#hasSeveral) {
      this.#hasSeveral = several ?? false;
      // Several numbers are a text as one is: the control stays, and the keys in it.
      if (this.spec.kind !== 'number') this.#control = this.#make();
      this.root.classList.toggle('has-several', this.#hasSeveral);
    }
    setText(this.#several, this.#hasSeveral ? 'One value' : 'Several');
    this.#several.setAttribute('aria-label', `${this.#hasSeveral ? 'One value' : 'Several values'}: ${this.spec.label}`);
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
