import {
  DEFAULT_TRY_SETTINGS,
  readTryPageState,
  type TryHostMessage,
  type TryPageMessage,
  type TryPageState,
  type TrySettings,
  type TryState,
} from '../../src/protocol/try.js';
import type { FieldSpec } from '../../src/protocol/form.js';
import { createButton, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { Field } from '../ui/field.js';
import type { Host, PageView } from '../ui/host.js';
import { TriedBox } from './tried.js';

const field = (id: keyof TrySettings, label: string, help: string, kind: FieldSpec['kind'] = 'number'): FieldSpec => ({
  id,
  label,
  help,
  kind,
  choices: [],
  more: false,
});
const FIELDS: readonly FieldSpec[] = [
  field('maxTokens', 'Maximum tokens', 'In a completion'),
  field('temperature', 'Temperature', '0: always the most likely token'),
  field('topP', 'Top p', 'Sample from the most likely tokens that together have this probability'),
  field('seed', 'Seed', 'The same seed gives the same completion'),
  field('plain', 'Continue the text', 'Continue the prompt as plain text, without the chat template', 'flag'),
];

/** What a number may be; whole where it counts things. */
const RANGES: Readonly<Record<Exclude<keyof TrySettings, 'plain'>, { least: number; most: number; whole: boolean }>> = {
  maxTokens: { least: 1, most: 2 ** 20, whole: true },
  temperature: { least: 0, most: 1000, whole: false },
  topP: { least: 1e-9, most: 1, whole: false },
  seed: { least: 0, most: 2 ** 31 - 1, whole: true },
};

/** A prompt, how it is completed, and what came of those before. */
export class TryView implements PageView<TryHostMessage> {
  readonly #prompt = element('textarea', { class: 'prompt', rows: '4', 'aria-label': 'Prompt', placeholder: 'A prompt' });
  readonly #fields: readonly Field[];
  readonly #go = createButton({ label: 'Complete', appearance: 'primary', onClick: () => this.#complete() });
  readonly #cancel = createButton({ label: 'Cancel', onClick: () => this.host.post({ type: 'cancel' }) });
  readonly #trust = createButton({ label: 'Manage Workspace Trust', onClick: () => this.host.post({ type: 'manage-trust' }) });
  readonly #title = element('h1', {}, 'Try It');
  readonly #about = element('p', { class: 'facts' });
  readonly #reason = element('p', { class: 'reason', role: 'status' });
  readonly #list = element('section', { class: 'tried', 'aria-label': 'Earlier completions' });
  readonly #boxes = new Map<number, TriedBox>();
  readonly #texts: Record<string, string>;
  #folder: string;
  #state: TryState | undefined;

  constructor(
    root: HTMLElement,
    readonly host: Host<TryPageMessage, TryPageState>,
  ) {
    const kept = readTryPageState(host.kept);
    this.#folder = kept?.folder ?? '';
    this.#prompt.value = kept?.prompt ?? '';
    const settings = kept?.settings ?? DEFAULT_TRY_SETTINGS;
    this.#texts = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
    this.#fields = FIELDS.map(
      (spec) =>
        new Field(spec, this.#texts[spec.id] ?? '', {
          onChange: (value) => {
            this.#texts[spec.id] = value;
            this.#changed();
          },
          onChoose: () => undefined,
        }),
    );
    this.#prompt.addEventListener('input', () => this.#changed());
    root.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#complete();
    });
    root.replaceChildren(
      element('header', {}, element('div', { class: 'title' }, this.#title, this.#about)),
      element(
        'section',
        { class: 'ask', 'aria-label': 'Prompt and settings' },
        this.#prompt,
        element('div', { class: 'settings' }, ...this.#fields.map((each) => each.root)),
        element('div', { class: 'actions' }, this.#go, this.#cancel, this.#trust),
        this.#reason,
      ),
      this.#list,
    );
    this.#draw();
  }

  receive({ folder, state }: TryHostMessage): void {
    this.#folder = folder;
    this.#state = state;
    this.#keep();
    setText(this.#title, `Try ${state.run}`);
    setText(
      this.#about,
      state.reference === null
        ? 'Completed by the trained model'
        : `Completed by the trained model and by its reference: ${state.reference}`,
    );
    this.#draw();
    const shown = state.tried.map((tried) => {
      const box =
        this.#boxes.get(tried.id) ??
        new TriedBox(
          tried.id,
          (message) => this.host.post(message),
          (prompt) => this.#again(prompt),
        );
      this.#boxes.set(tried.id, box);
      box.show(tried, state.reference !== null, this.#working);
      return box.root;
    });
    for (const id of [...this.#boxes.keys()]) if (!state.tried.some((tried) => tried.id === id)) this.#boxes.delete(id);
    // Put anew only where the order is other: what has the focus keeps it.
    if (shown.length !== this.#list.childElementCount || shown.some((box, i) => this.#list.children[i] !== box)) {
      this.#list.replaceChildren(...shown);
    }
  }

  get #working(): boolean {
    return this.#state?.tried.some(({ state }) => state === 'policy' || state === 'reference') === true;
  }

  #problem(id: string): string | undefined {
    if (!(id in RANGES)) return undefined;
    const { least, most, whole } = RANGES[id as keyof typeof RANGES];
    const text = (this.#texts[id] ?? '').trim();
    const value = Number(text);
    const fits = text !== '' && value >= least && value <= most && (!whole || Number.isInteger(value));
    return fits ? undefined : `A ${whole ? 'whole ' : ''}number from ${least} to ${most}`;
  }

  #settings(): TrySettings | undefined {
    if (FIELDS.some(({ id }) => this.#problem(id) !== undefined)) return undefined;
    const number = (name: string): number => Number(this.#texts[name]);
    return {
      plain: this.#texts['plain'] === 'true',
      maxTokens: number('maxTokens'),
      temperature: number('temperature'),
      topP: number('topP'),
      seed: number('seed'),
    };
  }

  #complete(): void {
    const settings = this.#settings();
    if (settings === undefined || this.#working || this.#prompt.value.trim() === '' || this.#state?.blocked !== '') return;
    this.host.post({ type: 'complete', prompt: this.#prompt.value, settings });
  }

  /** Takes a prompt over, to be changed. */
  #again(prompt: string): void {
    this.#prompt.value = prompt;
    this.#changed();
    this.#prompt.focus();
    window.scrollTo(0, 0);
  }

  #changed(): void {
    this.#keep();
    this.#draw();
  }

  #keep(): void {
    const settings = this.#settings();
    const kept: TryPageState = { folder: this.#folder, prompt: this.#prompt.value, settings: settings ?? DEFAULT_TRY_SETTINGS };
    if (this.#folder !== '') this.host.keep(kept);
  }

  #draw(): void {
    for (const each of this.#fields) {
      const { id } = each.spec;
      const idle = (id === 'topP' || id === 'seed') && Number(this.#texts['temperature']) === 0;
      each.show({ problem: this.#problem(id), note: idle ? 'Not used at temperature 0' : undefined, changed: false, hidden: false });
    }
    const { blocked = '', trusted = true } = this.#state ?? {};
    const empty = this.#prompt.value.trim() === '';
    setDisabled(this.#go, blocked !== '' || empty || this.#working || this.#settings() === undefined);
    this.#cancel.hidden = !this.#working;
    this.#trust.hidden = trusted;
    setText(this.#reason, blocked);
  }
}
