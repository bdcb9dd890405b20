import type { ForecastView, FormSpec, FormState, LaunchMessage, SectionSpec } from '../../src/protocol/launch.js';
import { createButton, createDropdown, setDisabled, type ValueControl } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { Field } from '../ui/field.js';
import { ForecastPane } from './forecast.js';

type Values = Readonly<Record<string, string>>;

/** Value of the preset list for settings that are another run's. */
const OTHER = '';

/** A section's further fields: folded away until somebody wants them, or one of them is wrong. */
interface Fold {
  readonly details: HTMLDetailsElement;
  readonly summary: HTMLElement;
  readonly fields: readonly Field[];
}

/** The launch form: fields on one side, what they come to on the other, and the start. */
export class LaunchView {
  readonly #fields = new Map<string, Field>();
  readonly #folds: Fold[] = [];
  readonly #forecast = new ForecastPane(
    () => this.post({ type: 'open-fault' }),
    ({ field, value }) => {
      this.setValues({ [field]: value });
      this.post({ type: 'set', field, value });
    },
  );
  readonly #start = createButton({ label: 'Start Run', appearance: 'primary', onClick: () => this.post({ type: 'start' }) });
  readonly #save = createButton({ label: 'Save as Config…', onClick: () => this.post({ type: 'save-config' }) });
  readonly #reason = element('p', { class: 'reason', id: 'reason', role: 'status' });
  readonly #trust = createButton({ label: 'Manage Workspace Trust', onClick: () => this.post({ type: 'manage-trust' }) });
  #preset: ValueControl | undefined;
  #presetHelp = element('p', { class: 'field-text' });
  #form: FormSpec | undefined;
  #presetId = '';

  constructor(
    readonly root: HTMLElement,
    readonly post: (message: LaunchMessage) => void,
  ) {
    this.#start.setAttribute('aria-describedby', 'reason');
    root.addEventListener('keydown', (event) => {
      // As in any form of VS Code that runs something.
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.post({ type: 'start' });
    });
  }

  setForm(form: FormSpec, values: Values): void {
    this.#form = form;
    this.#fields.clear();
    this.#folds.length = 0;
    const header = element('header', {}, element('div', { class: 'title' }, element('h1', {}, form.title)));
    const sections = form.sections.map((section, i) => this.#section(section, values, i === 1));
    const side = element(
      'aside',
      { class: 'side', 'aria-label': 'Forecast and start' },
      this.#forecast.root,
      element('div', { class: 'start' }, this.#start, this.#save, this.#trust),
      this.#reason,
    );
    this.root.replaceChildren(header, element('div', { class: 'columns' }, element('div', { class: 'form' }, ...sections), side));
  }

  setValues(values: Values): void {
    for (const [id, value] of Object.entries(values)) {
      const field = this.#fields.get(id);
      if (field !== undefined) field.value = value;
    }
  }

  setState(state: FormState): void {
    const { problems, notes, hidden, changed, preset, blocked, trusted, starting } = state;
    for (const [id, field] of this.#fields) {
      field.show({
        problem: problems[id],
        note: notes[id],
        changed: changed.includes(id),
        hidden: hidden.includes(id),
      });
    }
    for (const fold of this.#folds) this.#showFold(fold, state);
    this.#showPreset(preset);
    setDisabled(this.#start, blocked !== '');
    this.#start.textContent = starting ? 'Starting…' : 'Start Run';
    this.#trust.hidden = trusted;
    setText(this.#reason, blocked);
  }

  setForecast(forecast: ForecastView): void {
    this.#forecast.show(forecast);
  }

  #section({ title, fields }: SectionSpec, values: Values, withPreset: boolean): HTMLElement {
    const made = fields.map((spec) => {
      const field = new Field(spec, values[spec.id] ?? '', {
        onChange: (value) => this.post({ type: 'set', field: spec.id, value }),
        onChoose: (index) => this.post({ type: 'choose', field: spec.id, index }),
      });
      this.#fields.set(spec.id, field);
      return field;
    });
    const grid = (some: readonly Field[]): HTMLElement => element('div', { class: 'grid' }, ...some.map(({ root }) => root));
    const first = grid(made.filter(({ spec }) => !spec.more));
    if (withPreset) first.prepend(this.#presetField());
    const parts: HTMLElement[] = [element('h2', {}, title), first];
    const more = made.filter(({ spec }) => spec.more);
    if (more.length > 0) {
      const summary = element('summary', {}, 'More');
      const details = element('details', {}, summary, grid(more));
      this.#folds.push({ details, summary, fields: more });
      parts.push(details);
    }
    return element('section', { 'aria-label': title }, ...parts);
  }

  #presetField(): HTMLElement {
    const presets = this.#form?.presets ?? [];
    this.#preset = createDropdown({
      label: 'Preset',
      choices: [...presets.map(({ id, label }) => ({ value: id, label })), { value: OTHER, label: 'As the other run' }],
      value: presets[0]?.id ?? OTHER,
      onChange: (id) => {
        if (id === OTHER) this.#showPreset(this.#presetId);
        else this.post({ type: 'preset', id });
      },
    });
    const label = element('span', { class: 'field-label', 'aria-hidden': 'true' }, 'Preset');
    return element('div', { class: 'field', 'data-kind': 'choice', 'data-field': 'preset' }, label, this.#preset.root, this.#presetHelp);
  }

  #showPreset(id: string): void {
    this.#presetId = id;
    if (this.#preset !== undefined && this.#preset.value !== id) this.#preset.value = id;
    const preset = this.#form?.presets.find((each) => each.id === id);
    setText(this.#presetHelp, preset?.description ?? 'The settings of the run that this one is like');
  }

  #showFold({ details, summary, fields }: Fold, { problems, changed, hidden }: FormState): void {
    const shown = fields.filter(({ spec }) => !hidden.includes(spec.id));
    details.hidden = shown.length === 0;
    const count = shown.filter(({ spec }) => changed.includes(spec.id)).length;
    setText(summary, count === 0 ? `More (${shown.length})` : `More (${shown.length}, ${count} changed)`);
    if (shown.some(({ spec }) => problems[spec.id] !== undefined)) details.open = true;
  }
}
