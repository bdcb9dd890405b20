import {
  DEFAULT_TRY_SETTINGS,
  type EvaluationChoice,
  type TryExample,
  type TryHostMessage,
  type TryPageMessage,
  type TryPageState,
  type TryState,
} from '../../src/protocol/try.js';
import { createButton, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { ExampleBox } from './example.js';
import { SettingsFields } from './settings.js';

/** What is to be said next, and how it is answered. */
export class Composer {
  readonly root: HTMLElement;
  readonly #prompt = element('textarea', {
    class: 'prompt',
    rows: '3',
    'aria-label': 'Prompt',
    placeholder: 'Say something (Ctrl+Enter sends, Escape stops)',
  });
  readonly #system = element('textarea', {
    class: 'prompt system',
    rows: '2',
    'aria-label': 'System prompt',
    placeholder: 'None',
  });
  readonly #systemBox: HTMLDetailsElement;
  readonly #settings: SettingsFields;
  readonly #settingsBox: HTMLDetailsElement;
  readonly #summary = element('summary');
  readonly #exampleBox = new ExampleBox();
  readonly #note = element('p', { class: 'note' });
  readonly #send = createButton({ label: 'Send', appearance: 'primary', title: 'Ctrl+Enter', onClick: () => this.say() });
  readonly #stop = createButton({ label: 'Stop', title: 'Escape', onClick: () => this.stop() });
  readonly #trust = createButton({ label: 'Manage Workspace Trust', onClick: () => this.post({ type: 'manage-trust' }) });
  readonly #evaluation: readonly HTMLElement[];
  readonly #evaluationLabel = element('span', { class: 'evaluation-label' });
  readonly #reason = element('p', { class: 'reason', role: 'status' });
  #example: TryExample | null;
  #state: TryState | undefined;
  #working = false;

  constructor(
    kept: TryPageState | undefined,
    readonly post: (message: TryPageMessage) => void,
    readonly onChange: () => void,
  ) {
    this.#prompt.value = kept?.prompt ?? '';
    this.#system.value = kept?.system ?? '';
    this.#example = kept?.example ?? null;
    this.#settings = new SettingsFields(kept?.settings ?? DEFAULT_TRY_SETTINGS, () => this.#changed());
    this.#systemBox = element('details', { class: 'system-box' }, element('summary', {}, 'System prompt'), this.#system);
    this.#systemBox.open = this.#system.value !== '';
    this.#settingsBox = element('details', { class: 'settings-box' }, this.#summary, this.#settings.root);
    this.#prompt.addEventListener('input', () => {
      // Another prompt has other responses.
      this.#example = null;
      setText(this.#note, '');
      this.#changed();
    });
    this.#system.addEventListener('input', () => this.#changed());
    const ask = (which: EvaluationChoice, label: string, title: string): HTMLElement => {
      const button = createButton({ label, title, onClick: () => this.post({ type: 'evaluation', which }) });
      button.setAttribute('aria-label', title);
      return button;
    };
    this.#evaluation = [
      ask('next', 'Next', 'Next prompt of the evaluation set'),
      ask('random', 'Random', 'Random prompt of the evaluation set'),
      ask('choose', 'Choose…', 'Choose a prompt of the evaluation set'),
    ];
    this.root = element(
      'section',
      { class: 'composer', 'aria-label': 'Prompt and settings' },
      this.#exampleBox.root,
      this.#note,
      this.#systemBox,
      this.#prompt,
      element(
        'div',
        { class: 'composer-row' },
        element('div', { class: 'actions' }, this.#send, this.#stop, this.#trust),
        element('div', { class: 'evaluation', role: 'group', 'aria-label': 'Evaluation set' }, this.#evaluationLabel, ...this.#evaluation),
      ),
      this.#reason,
      this.#settingsBox,
    );
    this.draw();
  }

  get kept(): Omit<TryPageState, 'folder'> {
    return { prompt: this.#prompt.value, system: this.#system.value, settings: this.#settings.kept, example: this.#example };
  }

  show(state: TryState, working: boolean): void {
    this.#state = state;
    this.#working = working;
    this.draw();
  }

  say(): void {
    const settings = this.#settings.value;
    if (settings === undefined || !this.#canAsk || this.#prompt.value.trim() === '') return;
    this.post({ type: 'say', prompt: this.#prompt.value, system: this.#system.value, settings, example: this.#example });
    this.#prompt.value = '';
    this.#example = null;
    setText(this.#note, '');
    this.#changed();
    this.#prompt.focus();
  }

  again(): void {
    const settings = this.#settings.value;
    if (settings !== undefined && this.#canAsk) this.post({ type: 'again', system: this.#system.value, settings });
  }

  stop(): void {
    if (this.#working) this.post({ type: 'stop' });
  }

  /** Takes a prompt over, to be changed. */
  use({ prompt, system, example }: Pick<TryPageState, 'prompt' | 'system' | 'example'>, plain: boolean): void {
    this.#prompt.value = prompt;
    this.#example = example;
    this.#settings.isPlain = plain;
    this.#systemTo(system);
    this.#changed();
    this.#prompt.focus();
  }

  /** A prompt of the evaluation set. */
  put({ prompt, system, plain, example, note }: Extract<TryHostMessage, { type: 'prompt' }>): void {
    setText(this.#note, note);
    this.use({ prompt, system, example }, plain);
  }

  #systemTo(system: string): void {
    this.#system.value = system;
    if (system !== '') this.#systemBox.open = true;
  }

  /** That of a chat that was opened. */
  set system(system: string) {
    this.#systemTo(system);
    this.onChange();
  }

  get #canAsk(): boolean {
    return !this.#working && this.#state?.blocked === '';
  }

  #changed(): void {
    this.draw();
    this.onChange();
  }

  draw(): void {
    this.#settings.draw();
    setText(this.#summary, this.#settings.summary);
    if (this.#settings.value === undefined) this.#settingsBox.open = true;
    this.#exampleBox.show(this.#example);
    const { blocked = '', trusted = true, evaluates = false } = this.#state ?? {};
    setDisabled(this.#send, !this.#canAsk || this.#prompt.value.trim() === '' || this.#settings.value === undefined);
    this.#stop.hidden = !this.#working;
    this.#trust.hidden = trusted;
    for (const button of this.#evaluation) setDisabled(button, !evaluates || this.#working || blocked !== '');
    setText(this.#evaluationLabel, evaluates || this.#state === undefined ? 'Evaluation prompt:' : 'The run has no evaluation set');
    setText(this.#reason, blocked);
  }
}
