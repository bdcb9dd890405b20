import { formatCount, formatDuration, formatPercent, formatRatio } from '../../src/format.js';
import type { FieldSpec } from '../../src/protocol/form.js';
import type {
  Measurement,
  PredictionView,
  SpeedupHostMessage,
  SpeedupPageMessage,
  SpeedupPageState,
  SpeedupState,
} from '../../src/protocol/speedup.js';
import { createButton, createSpinner, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { Field } from '../ui/field.js';
import type { Host, PageView } from '../ui/host.js';
import { onThemeChange, readTheme } from '../ui/theme.js';
import { HistoryTable } from './history.js';
import { drawPicture, pictureHeight, pictureImage, pictureText } from './picture.js';

type Values = Readonly<Record<string, string>>;

/** The speedup panel: what to measure, what is predicted, what was measured, and what was before. */
export class SpeedupView implements PageView<SpeedupHostMessage> {
  readonly #fields = new Map<string, Field>();
  readonly #measure = createButton({ label: 'Measure Now', appearance: 'primary', onClick: () => this.host.post({ type: 'measure' }) });
  readonly #cancel = createButton({ label: 'Cancel', onClick: () => this.host.post({ type: 'cancel' }) });
  readonly #trust = createButton({ label: 'Manage Workspace Trust', onClick: () => this.host.post({ type: 'manage-trust' }) });
  readonly #save = createButton({ label: 'Save as Image…', onClick: () => void this.#saveImage() });
  readonly #reason = element('p', { class: 'reason', id: 'reason', role: 'status' });
  readonly #bar = element('div', { class: 'bar' }, element('div'));
  readonly #progress = element('div', { class: 'progress', role: 'status' }, createSpinner(), element('span'));
  readonly #fault = element('div', { role: 'alert' });
  readonly #prediction = element('dl', { class: 'figures' });
  readonly #predictionNote = element('p', { class: 'reason', role: 'status' });
  readonly #canvas = element('canvas', { role: 'img' });
  readonly #provenance = element('p', { class: 'provenance' });
  readonly #result = element('section', { 'aria-label': 'Measured' });
  readonly #history = new HistoryTable((id) => this.#choose(id));
  #all: readonly Measurement[] = [];
  #chosen: Measurement | undefined;

  constructor(
    readonly root: HTMLElement,
    readonly host: Host<SpeedupPageMessage, SpeedupPageState>,
  ) {
    this.#measure.setAttribute('aria-describedby', 'reason');
    onThemeChange(() => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(this.#result);
  }

  receive(message: SpeedupHostMessage): void {
    switch (message.type) {
      case 'form':
        return this.#setForm(message.fields, message.values);
      case 'values':
        return this.#setValues(message.values);
      case 'state':
        return this.#setState(message.state);
      case 'prediction':
        return this.#setPrediction(message.prediction);
      case 'history':
        return this.#setHistory(message.history, message.shown);
    }
  }

  #setForm(fields: readonly FieldSpec[], values: Values): void {
    this.#fields.clear();
    const made = fields.map((spec) => {
      const field = new Field(spec, values[spec.id] ?? '', {
        onChange: (value) => {
          this.host.post({ type: 'set', field: spec.id, value });
          this.#remember();
        },
        onChoose: () => this.host.post({ type: 'choose', field: spec.id }),
      });
      this.#fields.set(spec.id, field);
      return field;
    });
    const grid = (more: boolean): HTMLElement =>
      element('div', { class: 'grid' }, ...made.filter(({ spec }) => spec.more === more).map(({ root }) => root));
    const title = element(
      'div',
      { class: 'title' },
      element('h1', {}, 'Speedup'),
      element('p', { class: 'lead' }, 'The same optimizer steps with and without prefix sharing, measured alternately on this machine.'),
    );
    const buttons = element('div', { class: 'actions' }, this.#measure, this.#cancel, this.#trust);
    this.root.replaceChildren(
      element('header', {}, title),
      element(
        'section',
        { 'aria-label': 'What to measure' },
        grid(false),
        element('details', {}, element('summary', {}, 'More'), grid(true)),
      ),
      element('section', { 'aria-label': 'Prediction' }, element('h2', {}, 'Predicted'), this.#prediction, this.#predictionNote),
      element('section', { class: 'measure', 'aria-label': 'Measure' }, buttons, this.#reason, this.#progress, this.#bar, this.#fault),
      this.#result,
      this.#history.root,
    );
  }

  #setValues(values: Values): void {
    for (const [id, value] of Object.entries(values)) {
      const field = this.#fields.get(id);
      if (field !== undefined) field.value = value;
    }
    this.#remember();
  }

  #setState({ problems, quiet, notes, blocked, trusted, progress, fault }: SpeedupState): void {
    for (const [id, field] of this.#fields) {
      field.show({ problem: problems[id], quiet: quiet.includes(id), note: notes[id], changed: false, hidden: false });
    }
    const measuring = progress !== null;
    setDisabled(this.#measure, blocked !== '' || measuring);
    this.#cancel.hidden = !measuring;
    this.#trust.hidden = trusted;
    setText(this.#reason, measuring ? '' : blocked);
    this.#progress.hidden = !measuring;
    this.#bar.hidden = !measuring || progress.fraction < 0;
    if (measuring) {
      const left = progress.secondsLeft === null ? '' : `, about ${formatDuration(progress.secondsLeft)} left`;
      setText(this.#progress.querySelector('span')!, `${progress.text}${left}`);
      (this.#bar.firstElementChild as HTMLElement).style.width = formatPercent(Math.max(0, progress.fraction));
    }
    if (fault === '') this.#fault.replaceChildren();
    else if (this.#fault.textContent !== fault)
      this.#fault.replaceChildren(element('div', { class: 'notice bad' }, element('p', {}, fault)));
  }

  #setPrediction(view: PredictionView): void {
    if (view.kind !== 'done') {
      const text =
        view.kind === 'none'
          ? 'Choose a dataset and a model.'
          : view.kind === 'working'
            ? `${view.text}…`
            : `${view.what}${view.where === '' ? '' : ` (${view.where})`}. ${view.advice}`;
      setText(this.#predictionNote, text);
      this.#predictionNote.classList.toggle('bad', view.kind === 'failed');
      if (view.kind !== 'working') this.#prediction.replaceChildren();
      return;
    }
    const { tokens, flopsRatio, ratio } = view.prediction;
    const rows: [string, string][] = [
      ['Tokens', formatRatio(tokens.naive / tokens.shared)],
      ['Required FLOPs', formatRatio(flopsRatio)],
      ['Time', formatRatio(ratio)],
    ];
    this.#prediction.replaceChildren(
      ...rows.map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value))),
    );
    this.#predictionNote.classList.remove('bad');
    const counts = `${formatCount(tokens.shared)} tokens instead of ${formatCount(tokens.naive)}`;
    setText(this.#predictionNote, `For the whole dataset: ${counts}; time predicted for an NVIDIA H200.`);
  }

  #setHistory(history: readonly Measurement[], shown: string | null): void {
    const before = this.#chosen?.id;
    this.#all = history;
    const fresh = history.find(({ id }) => id === shown);
    const isNew = fresh !== undefined && fresh.id !== before;
    this.#chosen = (isNew ? fresh : history.find(({ id }) => id === before)) ?? fresh ?? history[0];
    this.#show();
  }

  #choose(id: string): void {
    this.#chosen = this.#all.find((each) => each.id === id) ?? this.#chosen;
    this.#show();
  }

  #show(): void {
    const measured = this.#chosen;
    this.#history.show(this.#all, measured?.id);
    if (measured === undefined) {
      this.#result.replaceChildren(element('p', { class: 'reason' }, 'Nothing measured yet for this dataset and model.'));
      return;
    }
    if (this.#canvas.parentElement !== this.#result) {
      const heading = element('div', { class: 'result-head' }, element('h2', {}, 'Measured'), this.#save);
      this.#result.replaceChildren(heading, this.#canvas, this.#provenance);
    }
    this.#canvas.setAttribute('aria-label', pictureText(measured));
    setText(this.#provenance, measured.provenance);
    this.#draw();
  }

  #draw(): void {
    const measured = this.#chosen;
    const width = Math.floor(this.#result.clientWidth);
    if (measured === undefined || width === 0 || !this.#canvas.isConnected) return;
    const height = pictureHeight(measured);
    const ratio = window.devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#canvas.style.height = `${height}px`;
    const draw = this.#canvas.getContext('2d')!;
    draw.scale(ratio, ratio);
    drawPicture(draw, measured, Math.min(width, 1000), readTheme());
  }

  async #saveImage(): Promise<void> {
    const measured = this.#chosen;
    if (measured === undefined) return;
    const png = await pictureImage(measured, readTheme());
    this.host.post({ type: 'save-image', name: `speedup-${measured.id}`, png });
  }

  /** Kept by VS Code over a reload of the window. */
  #remember(): void {
    if (this.#fields.size > 0) this.host.keep({ values: Object.fromEntries([...this.#fields].map(([id, field]) => [id, field.value])) });
  }
}
