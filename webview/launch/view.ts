import type {
  ForecastAction,
  FormSpec,
  FormState,
  LaunchHostMessage,
  LaunchPageMessage,
  LaunchPageState,
  SectionSpec,
} from '../../src/protocol/launch.js';
import { createButton, createCheckbox, createDropdown, setDisabled, type ValueControl } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { Field } from '../ui/field.js';
import type { Host, PageView } from '../ui/host.js';
import { Faults, type FieldLink } from './faults.js';
import { DownloadsPane } from './downloads.js';
import { ForecastPane } from './forecast.js';
import { isMeant } from './matching.js';
import { FieldSearch } from './search.js';
import { SweepPane } from './sweep.js';

type Values = Readonly<Record<string, string>>;

/** Value of the preset list for settings that are another run's. */
const OTHER = '';

/** A section's further fields: folded away until somebody wants them, or one of them is wrong. */
interface Fold {
  readonly details: HTMLDetailsElement;
  readonly summary: HTMLElement;
  readonly fields: readonly Field[];
}

interface Section {
  readonly root: HTMLElement;
  readonly fields: readonly Field[];
}

/** The launch form: fields on one side, what they come to on the other, and the start. */
export class LaunchView implements PageView<LaunchHostMessage> {
  readonly #fields = new Map<string, Field>();
  readonly #folds: Fold[] = [];
  readonly #sections: Section[] = [];
  /** Folds that only a search has opened. */
  readonly #opened = new Set<Fold>();
  readonly #title = element('h1', {});
  readonly #search = new FieldSearch(
    () => this.#filter(),
    () => this.#firstShown()?.focus(),
  );
  readonly #forecast = new ForecastPane(
    () => this.host.post({ type: 'open-fault' }),
    (action) => this.#act(action),
  );
  readonly #sweep = new SweepPane(
    (field) => this.#lead(field),
    (action) => this.#act(action),
  );
  readonly #sweepMode = createCheckbox({
    label: 'Several values (sweep)',
    checked: false,
    onChange: (on) => {
      if (on !== this.#state?.sweep.on) this.host.post({ type: 'sweep', on });
    },
  });
  readonly #downloads = new DownloadsPane(
    () => this.host.post({ type: 'download' }),
    () => this.host.post({ type: 'cancel-download' }),
  );
  readonly #start = createButton({ label: 'Start Run', appearance: 'primary', onClick: () => this.#tryStart() });
  readonly #save = createButton({ label: 'Save as Config…', onClick: () => this.host.post({ type: 'save-config' }) });
  readonly #faults = new Faults((field) => this.#lead(field));
  readonly #trust = createButton({ label: 'Manage Workspace Trust', onClick: () => this.host.post({ type: 'manage-trust' }) });
  #preset: ValueControl | undefined;
  #presetRoot = element('div');
  #presetHelp = element('p', { class: 'field-text' });
  #form: FormSpec | undefined;
  #state: FormState | undefined;
  #presetId = '';

  constructor(
    readonly root: HTMLElement,
    readonly host: Host<LaunchPageMessage, LaunchPageState>,
  ) {
    this.#start.setAttribute('aria-describedby', 'reason');
    root.addEventListener('keydown', (event) => {
      // As in any form of VS Code that runs something.
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#tryStart();
      if (event.key.toLowerCase() === 'f' && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
        event.preventDefault();
        this.#search.focus();
      }
    });
  }

  receive(message: LaunchHostMessage): void {
    switch (message.type) {
      case 'form':
        // Under this id the extension keeps what is typed.
        this.host.keep({ form: message.id });
        return this.#setForm(message.form, message.values);
      case 'values':
        return this.#setValues(message.values);
      case 'state':
        return this.#setState(message.state);
      case 'forecast':
        return this.#forecast.show(message.forecast);
      case 'downloads':
        this.#downloads.show(message.downloads);
        this.#forecast.wait(this.#downloads.isWanted);
        return this.#showStart();
    }
  }

  #act({ field, value }: ForecastAction): void {
    this.#setValues({ [field]: value });
    this.host.post({ type: 'set', field, value });
  }

  #setForm(form: FormSpec, values: Values): void {
    this.#form = form;
    this.#fields.clear();
    this.#folds.length = 0;
    this.#sections.length = 0;
    this.#opened.clear();
    const header = element('header', {}, element('div', { class: 'title' }, this.#title), this.#sweepMode, this.#search.root);
    const sections = form.sections.map((section, i) => this.#section(section, values, i === 1));
    const side = element(
      'aside',
      { class: 'side', 'aria-label': 'Forecast and start' },
      this.#downloads.root,
      this.#forecast.root,
      this.#sweep.root,
      element('div', { class: 'start' }, this.#start, this.#save, this.#trust),
      this.#faults.root,
      this.#faults.doubts,
    );
    this.root.replaceChildren(header, element('div', { class: 'columns' }, element('div', { class: 'form' }, ...sections), side));
  }

  #setValues(values: Values): void {
    for (const [id, value] of Object.entries(values)) {
      const field = this.#fields.get(id);
      if (field !== undefined) field.value = value;
    }
  }

  #setState(state: FormState): void {
    const { problems, quiet, warnings, notes, asked, paged, changed, preset, blocked, trusted, sweep } = state;
    const able = sweep.on ? (this.#form?.several ?? []) : [];
    this.#state = state;
    setText(this.#title, state.title);
    for (const [id, field] of this.#fields) {
      field.show({
        problem: problems[id],
        quiet: quiet.includes(id),
        warning: warnings[id],
        note: notes[id],
        changed: changed.includes(id),
        hidden: !this.#isShown(field),
        several: able.includes(id) ? sweep.several.includes(id) : undefined,
      });
      field.offer([
        ...(paged.includes(id) ? [{ label: 'Open page', onClick: () => this.host.post({ type: 'open-page', field: id }) }] : []),
        ...(asked.includes(id) ? [{ label: 'Try again', onClick: () => this.host.post({ type: 'ask-again', field: id }) }] : []),
      ]);
    }
    for (const fold of this.#folds) this.#showFold(fold, state);
    this.#filter();
    this.#showPreset(preset);
    this.#sweepMode.checked = sweep.on;
    this.#sweep.show(sweep);
    setDisabled(this.#start, blocked !== '');
    this.#showStart();
    this.#trust.hidden = trusted;
    this.#faults.show(blocked, this.#links(problems), this.#links(warnings));
  }

  #showStart(): void {
    const isStarting = this.#state?.starting === true;
    const start = this.#state?.sweep.on === true ? 'Start Sweep' : 'Start Run';
    setText(this.#start, isStarting ? 'Starting…' : this.#downloads.isWanted ? `Download and ${start}` : start);
    this.#downloads.disable(this.#state?.trusted === false || isStarting);
  }

  /** Asks for the start; while something is wrong it leads there instead. */
  #tryStart(): void {
    this.host.post({ type: 'start' });
    const [first] = this.#links(this.#state?.problems ?? {});
    if (first !== undefined && this.#state?.blocked === '') this.#lead(first.id);
  }

  /** Brings a field into view, with the keys in it. */
  #lead(id: string): void {
    const field = this.#fields.get(id);
    if (field === undefined) return;
    this.#search.clear();
    const details = field.root.closest('details');
    if (details !== null) details.open = true;
    field.root.scrollIntoView({ block: 'center' });
    field.focus();
  }

  /** Fields of the form that texts are about, in its order. */
  #links(texts: Values): FieldLink[] {
    return [...this.#fields.values()].filter(({ spec }) => texts[spec.id] !== undefined).map(({ spec: { id, label } }) => ({ id, label }));
  }

  /** A search shows also what does nothing as things are set: somebody looks for it. */
  #isShown({ spec }: Field): boolean {
    const { text } = this.#search;
    return text === '' ? this.#state?.hidden.includes(spec.id) !== true : isMeant(spec, text);
  }

  #filter(): void {
    const { text } = this.#search;
    let found = 0;
    for (const field of this.#fields.values()) {
      const shown = this.#isShown(field);
      field.root.hidden = !shown;
      if (shown) found++;
    }
    this.#search.tell(found, this.#fields.size);
    for (const fold of this.#folds) {
      const some = fold.fields.some(({ root }) => !root.hidden);
      fold.details.hidden = !some;
      if (text !== '' && some && !fold.details.open) {
        fold.details.open = true;
        this.#opened.add(fold);
      } else if (text === '' && this.#opened.delete(fold)) fold.details.open = false;
    }
    if (this.#preset !== undefined) this.#presetRoot.hidden = text !== '' && !/preset/i.test(text);
    for (const { root, fields } of this.#sections) {
      root.hidden = fields.every((field) => field.root.hidden) && !(root.contains(this.#presetRoot) && !this.#presetRoot.hidden);
    }
  }

  #firstShown(): Field | undefined {
    return [...this.#fields.values()].find(({ root }) => !root.hidden);
  }

  #section({ title, fields }: SectionSpec, values: Values, withPreset: boolean): HTMLElement {
    const made = fields.map((spec) => {
      const field = new Field(spec, values[spec.id] ?? '', {
        onChange: (value) => this.host.post({ type: 'set', field: spec.id, value }),
        onChoose: (index) => this.host.post({ type: 'choose', field: spec.id, index }),
        onSeveral: (on) => this.host.post({ type: 'several', field: spec.id, on }),
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
    const root = element('section', { 'aria-label': title }, ...parts);
    this.#sections.push({ root, fields: made });
    return root;
  }

  #presetField(): HTMLElement {
    const presets = this.#form?.presets ?? [];
    this.#preset = createDropdown({
      label: 'Preset',
      choices: [...presets.map(({ id, label }) => ({ value: id, label })), { value: OTHER, label: 'Same as the other run' }],
      value: presets[0]?.id ?? OTHER,
      onChange: (id) => {
        if (id === OTHER) this.#showPreset(this.#presetId);
        else this.host.post({ type: 'preset', id });
      },
    });
    const label = element('span', { class: 'field-label', 'aria-hidden': 'true' }, 'Preset');
    this.#presetRoot = element(
      'div',
      { class: 'field', 'data-kind': 'choice', 'data-field': 'preset' },
      label,
      this.#preset.root,
      this.#presetHelp,
    );
    return this.#presetRoot;
  }

  #showPreset(id: string): void {
    this.#presetId = id;
    if (this.#preset !== undefined && this.#preset.value !== id) this.#preset.value = id;
    const preset = this.#form?.presets.find((each) => each.id === id);
    setText(this.#presetHelp, preset?.description ?? 'The settings of the run this one copies');
  }

  #showFold({ details, summary, fields }: Fold, { problems, changed, hidden }: FormState): void {
    const shown = fields.filter(({ spec }) => !hidden.includes(spec.id));
    const count = shown.filter(({ spec }) => changed.includes(spec.id)).length;
    setText(summary, count === 0 ? `More (${shown.length})` : `More (${shown.length}, ${count} changed)`);
    if (shown.some(({ spec }) => problems[spec.id] !== undefined)) details.open = true;
  }
}
