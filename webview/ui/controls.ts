import { provideVSCodeDesignSystem, vsCodeButton, vsCodeProgressRing } from '@vscode/webview-ui-toolkit';

/**
 * The controls of all panels. The only module that knows the toolkit they come from: it is archived upstream, and this
 * is what has to change when it is replaced.
 */
export function registerControls(): void {
  provideVSCodeDesignSystem().register(vsCodeButton(), vsCodeProgressRing());
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

export function setDisabled(button: HTMLElement, disabled: boolean): void {
  button.toggleAttribute('disabled', disabled);
}

/** A ring that turns. Hidden from screen readers: the text beside it says what is going on. */
export function createSpinner(): HTMLElement {
  const ring = document.createElement('vscode-progress-ring');
  ring.setAttribute('aria-hidden', 'true');
  return ring;
}
