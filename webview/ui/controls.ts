import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTextField,
} from '@vscode/webview-ui-toolkit';

/**
 * The controls of all panels. The only module that knows the toolkit they come from: it is archived upstream, and this
 * is what has to change when it is replaced.
 */
export function registerControls(): void {
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeProgressRing(),
    vsCodeTextField(),
  );
}

export interface ButtonOptions {
  readonly label: string;
  readonly appearance?: 'primary' | 'secondary';
  readonly title?: string;
  readonly onClick: () => void;
}

export function createButton({ label, appearance = 'secondary', title, onClick }: ButtonOptions): HTMLElement {
  const button = document.createElement('vscode-button');
  button.setAttribute('appearance', appearance);
  if (title !== undefined) button.title = title;
  button.textContent = label;
  button.addEventListener('click', onClick);
  return button;
}

/** A button whose label is a sign: its words are for screen readers and the pointer. */
export function labelled(sign: string, words: string, onClick: () => void): HTMLElement {
  const button = createButton({ label: sign, title: words, onClick });
  button.setAttribute('aria-label', words.replace(/ \(.*\)$/, ''));
  return button;
}

export function setDisabled(button: HTMLElement, disabled: boolean): void {
  button.toggleAttribute('disabled', disabled);
}

/** A ring that turns. Hidden from screen readers: the text beside it says what is going on. */
export function createSpinner(): HTMLElement {
  const ring = document.createElement('vscode-progress-ring');
  ring.setAttribute('aria-hidden', 'true');
  return ring;
}

/** A control whose value is text. */
export interface ValueControl {
  readonly root: HTMLElement;
  value: string;
}

function valueControl(root: HTMLElement & { value: string }): ValueControl {
  return {
    root,
    get value() {
      return root.value;
    },
    set value(next) {
      root.value = next;
    },
  };
}

export interface DropdownOptions {
  /** What a screen reader calls it. */
  readonly label: string;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function createDropdown({ label, choices, value, onChange }: DropdownOptions): ValueControl {
  const root = document.createElement('vscode-dropdown') as HTMLElement & { value: string };
  root.setAttribute('aria-label', label);
  for (const choice of choices) {
    const option = document.createElement('vscode-option') as HTMLElement & { value: string };
    option.setAttribute('value', choice.value);
    option.textContent = choice.label;
    if (choice.value === value) option.setAttribute('selected', '');
    root.append(option);
  }
  root.addEventListener('change', () => onChange(root.value));
  return valueControl(root);
}

export interface TextFieldOptions {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  /** Called while typing. */
  readonly onInput: (value: string) => void;
}

export function createTextField({ label, value, placeholder, onInput }: TextFieldOptions): ValueControl {
  const root = document.createElement('vscode-text-field') as HTMLElement & { value: string };
  root.setAttribute('aria-label', label);
  root.setAttribute('spellcheck', 'false');
  if (placeholder !== undefined) root.setAttribute('placeholder', placeholder);
  root.setAttribute('value', value);
  root.addEventListener('input', () => onInput(root.value));
  return valueControl(root);
}

/** A button that asks for a file or folder with a dialog. @param which of several, for screen readers */
export function createChooser(label: string, which: string, onChoose: () => void): HTMLElement {
  const choose = createButton({ label: 'Choose…', title: `Choose ${label}`, onClick: onChoose });
  choose.setAttribute('aria-label', `Choose ${label.toLowerCase()}${which}`);
  return choose;
}

/** Gives a control its name again: those of the toolkit take a name of their own when they are put into the page. */
export function rename({ root }: ValueControl, label: string): void {
  root.setAttribute('aria-label', label);
}

export interface CheckboxOptions {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}

export function createCheckbox({ label, checked, onChange }: CheckboxOptions): HTMLElement & { checked: boolean } {
  const root = document.createElement('vscode-checkbox') as HTMLElement & { checked: boolean };
  root.textContent = label;
  root.toggleAttribute('checked', checked);
  root.addEventListener('change', () => onChange(root.checked));
  return root;
}

export interface NumberFieldOptions {
  readonly label: string;
  readonly title?: string;
  readonly min: number;
  /** Called when a whole number between the limits was entered. */
  readonly onChange: (value: number) => void;
}

/** A field for whole numbers, with the browser's own arrows: the toolkit has none. */
export interface NumberField {
  readonly root: HTMLInputElement;
  setValue(value: number): void;
  setMax(max: number): void;
}

export function createNumberField({ label, title, min, onChange }: NumberFieldOptions): NumberField {
  const root = document.createElement('input');
  root.type = 'number';
  root.min = String(min);
  root.step = '1';
  root.className = 'number';
  root.setAttribute('aria-label', label);
  if (title !== undefined) root.title = title;
  let shown = '';
  root.addEventListener('change', () => {
    const value = Number(root.value);
    const wanted = Math.min(root.max === '' ? Infinity : Number(root.max), Math.max(min, Math.round(value)));
    if (root.value.trim() === '' || !Number.isFinite(wanted)) root.value = shown;
    else {
      root.value = shown = String(wanted);
      onChange(wanted);
    }
  });
  return {
    root,
    setValue: (value) => (root.value = shown = String(value)),
    setMax: (max) => (root.max = String(max)),
  };
}
