import { formatMetric, formatPercent, formatRate, formatRatio, plural } from '../../src/format.js';
import type { PanelRequest, RunHeader, RunStatus, SeriesUpdate } from '../../src/protocol.js';
import { createButton, createSpinner, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { onThemeChange, readTheme } from '../ui/theme.js';
import { RunChart } from './chart.js';
import { smoothingWindow } from './decimate.js';
import { endNotice } from './end-notice.js';
import { SeriesStore } from './series.js';
import { activityText, barFraction, progressText, STATE_WORDS, timeText } from './words.js';

const FIGURES = [
  ['Loss', 'loss of the last step', (status: RunStatus) => formatMetric(status.loss)],
  ['Margin', 'reward of chosen less that of rejected, last step', (status: RunStatus) => formatMetric(status.margin)],
  [
    'Accuracy',
    'pairs whose chosen response has the greater reward, last step',
    (status: RunStatus) => formatPercent(status.accuracy),
  ],
  ['Pairs/s', 'over the latest steps', (status: RunStatus) => formatRate(status.pairsPerSecond)],
  [
    'Tokens/s',
    'over the latest steps; a shared prompt counts once',
    (status: RunStatus) => formatRate(status.tokensPerSecond),
  ],
  [
    'Of ceiling',
    "required FLOP/s over this machine's measured matrix-multiply rate",
    (status: RunStatus) => formatPercent(status.speedOfLight),
  ],
] as const;

function isLive({ state }: RunStatus): boolean {
  return state === 'running' || state === 'stopping' || state === 'starting';
}

/** The run panel's page. Holds what it was told last and draws at most once a frame. */
export class RunView {
  readonly #root: HTMLElement;
  readonly #ask: (request: PanelRequest) => void;
  readonly #store = new SeriesStore();
  #page: Page | undefined;
  #status: RunStatus | undefined;
  #frame: number | undefined;
  #curvesChanged = false;

  constructor(root: HTMLElement, ask: (request: PanelRequest) => void) {
    this.#root = root;
    this.#ask = ask;
    this.#showOnly(
      element('div', { class: 'empty', role: 'status' }, createSpinner(), element('p', {}, 'Reading the run')),
    );
    onThemeChange(() => {
      const theme = readTheme();
      for (const chart of this.#page?.charts ?? []) chart.setTheme(theme);
    });
  }

  setHeader(header: RunHeader): void {
    if (this.#page === undefined) {
      this.#page = createPage(this.#store, this.#ask);
      this.#showOnly(...this.#page.parts);
    }
    const { name, facts, settings } = this.#page;
    setText(name, header.name);
    name.title = header.folder;
    facts.replaceChildren(
      fact('Dataset', header.datasetName, header.datasetPath, plural(header.pairs, 'pair')),
      fact('Model', header.modelName, header.modelPath),
      fact(
        'Sharing',
        header.sharing,
        'tokens of the naive plan over those of this one',
        header.tokenRatio === null ? undefined : `token ratio ${formatRatio(header.tokenRatio)}`,
      ),
    );
    settings.replaceChildren(
      ...header.settings.flatMap(([label, value]) => [element('dt', {}, label), element('dd', {}, value)]),
    );
    this.#schedule();
  }

  setStatus(status: RunStatus): void {
    this.#status = status;
    this.#schedule();
  }

  /** Takes over new rows; false when rows are missing and the host should send all again. */
  setSeries(update: SeriesUpdate): boolean {
    if (!this.#store.apply(update)) return false;
    this.#curvesChanged = true;
    this.#schedule();
    return true;
  }

  showEmpty(reason: string): void {
    this.#page = undefined;
    this.#status = undefined;
    this.#store.clear();
    this.#showOnly(
      element(
        'div',
        { class: 'empty', role: 'status' },
        element('h1', {}, 'No run to show'),
        element('p', {}, reason),
        element(
          'div',
          { class: 'actions' },
          createButton({ label: 'Launch Run…', appearance: 'primary', onClick: () => this.#ask('launch') }),
          createButton({ label: 'Open Another Run…', onClick: () => this.#ask('open-run') }),
        ),
      ),
    );
  }

  #showOnly(...parts: readonly HTMLElement[]): void {
    this.#root.replaceChildren(...parts);
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.#page === undefined) return;
      if (this.#status !== undefined) drawStatus(this.#page, this.#status, this.#ask);
      if (this.#curvesChanged) {
        this.#curvesChanged = false;
        const none = this.#store.length === 0;
        this.#page.charts.forEach((chart) => chart.draw());
        this.#page.chartArea.classList.toggle('without-steps', none);
        this.#page.noSteps.hidden = !none;
        const window = smoothingWindow(this.#store.length);
        setText(
          this.#page.note,
          window > 1 ? `Thin lines: each step. Thick lines: mean of the latest ${window} steps.` : '',
        );
      }
    });
  }
}

interface Page {
  readonly parts: readonly HTMLElement[];
  readonly name: HTMLElement;
  readonly badge: HTMLElement;
  readonly facts: HTMLElement;
  readonly settings: HTMLElement;
  readonly buttons: Readonly<Record<'stop' | 'resume' | 'trust', HTMLElement>>;
  readonly bar: HTMLElement;
  readonly activity: HTMLElement;
  readonly activityText: HTMLElement;
  readonly progress: HTMLElement;
  readonly time: HTMLElement;
  readonly figures: readonly HTMLElement[];
  readonly device: HTMLElement;
  readonly notice: HTMLElement;
  readonly chartArea: HTMLElement;
  readonly noSteps: HTMLElement;
  readonly note: HTMLElement;
  readonly charts: readonly RunChart[];
  /** The end that `notice` shows, as text, so that it is rebuilt only when it changes. */
  shownEnd: string;
}

function createPage(store: SeriesStore, ask: (request: PanelRequest) => void): Page {
  const theme = readTheme();
  const name = element('h1');
  const badge = element('span', { class: 'badge', role: 'status', 'aria-live': 'polite' });
  const facts = element('p', { class: 'facts' });
  const buttons = {
    stop: createButton({
      label: 'Stop',
      title: 'Finish the step, write a checkpoint and end; the run can be resumed',
      onClick: () => ask('stop'),
    }),
    resume: createButton({ label: 'Resume', appearance: 'primary', onClick: () => ask('resume') }),
    trust: createButton({
      label: 'Manage Workspace Trust',
      title: 'Runs can be started and stopped only in a trusted workspace',
      onClick: () => ask('manage-trust'),
    }),
  };
  const reveal = createButton({ label: 'Reveal Folder', title: 'Show the run folder', onClick: () => ask('reveal') });
  const header = element(
    'header',
    {},
    element('div', { class: 'title' }, element('div', { class: 'name' }, name, badge), facts),
    element(
      'div',
      { class: 'actions', role: 'toolbar', 'aria-label': 'Run' },
      buttons.stop,
      buttons.resume,
      buttons.trust,
      reveal,
    ),
  );

  const bar = element(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    element('div'),
  );
  const activityText = element('span', { role: 'status', 'aria-live': 'polite' });
  const activity = element('span', { class: 'activity' }, createSpinner(), activityText);
  const progress = element('span', { class: 'progress' });
  const time = element('span', { class: 'time' });
  const progressArea = element(
    'section',
    { class: 'progress-area', 'aria-label': 'Progress' },
    bar,
    element('div', { class: 'progress-line' }, progress, activity, time),
  );

  const figures = FIGURES.map(() => element('dd'));
  const figureList = element(
    'dl',
    { class: 'figures', 'aria-label': 'Figures' },
    ...FIGURES.map(([label, title], i) => element('div', { title }, element('dt', {}, label), figures[i]!)),
  );

  const notice = element('div', { class: 'notice-area', role: 'status', 'aria-live': 'polite' });
  const charts = [
    new RunChart(
      { title: 'Loss', curves: [{ series: 'loss', label: 'Loss', color: ({ blue }) => blue }], format: formatMetric },
      store,
      theme,
    ),
    new RunChart(
      {
        title: 'Rewards',
        curves: [
          { series: 'margins', label: 'Margin', color: ({ blue }) => blue },
          { series: 'chosen', label: 'Chosen', color: ({ green }) => green, style: 'dashed' },
          { series: 'rejected', label: 'Rejected', color: ({ red }) => red, style: 'dotted' },
        ],
        format: formatMetric,
      },
      store,
      theme,
    ),
    new RunChart(
      {
        title: 'Accuracy',
        curves: [{ series: 'accuracies', label: 'Accuracy', color: ({ blue }) => blue }],
        format: formatPercent,
        formatTick: formatPercent,
        range: [0, 1],
      },
      store,
      theme,
    ),
  ];
  const noSteps = element('p', { class: 'no-steps' }, 'The curves begin with the first step.');
  const chartArea = element('div', { class: 'charts without-steps' }, noSteps, ...charts.map(({ root }) => root));

  const note = element('p', { class: 'note' });

  const settings = element('dl', { class: 'settings' });
  const device = element('span');
  const details = element(
    'details',
    {},
    element('summary', {}, 'Settings'),
    element('p', { class: 'device' }, device),
    settings,
  );

  return {
    parts: [header, progressArea, notice, figureList, chartArea, note, details],
    name,
    badge,
    facts,
    settings,
    buttons,
    bar,
    activity,
    activityText,
    progress,
    time,
    figures,
    device,
    notice,
    chartArea,
    noSteps,
    note,
    charts,
    shownEnd: '',
  };
}

function drawStatus(page: Page, status: RunStatus, ask: (request: PanelRequest) => void): void {
  setText(page.badge, STATE_WORDS[status.state]);
  page.badge.dataset['state'] = status.state;

  const { stop, resume, trust } = page.buttons;
  const live = isLive(status);
  stop.hidden = !live || !status.mayAct;
  setText(stop, status.state === 'stopping' ? 'End Now…' : 'Stop');
  setDisabled(stop, status.state === 'starting');
  resume.hidden = live || status.state === 'finished' || !status.mayAct;
  setText(resume, status.state === 'planned' ? 'Start' : 'Resume');
  trust.hidden = status.mayAct;

  const fraction = barFraction(status);
  const fill = page.bar.firstElementChild as HTMLElement;
  page.bar.classList.toggle('unknown', fraction === undefined && live);
  fill.style.width = `${(fraction ?? 0) * 100}%`;
  if (fraction === undefined) page.bar.removeAttribute('aria-valuenow');
  else page.bar.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
  page.bar.setAttribute(
    'aria-valuetext',
    [progressText(status), timeText(status)].filter((text) => text !== '').join(', '),
  );
  page.bar.dataset['state'] = status.state;

  const activity = activityText(status);
  page.activity.hidden = activity === '';
  setText(page.activityText, activity);
  setText(page.progress, progressText(status));
  setText(page.time, timeText(status));
  setText(page.device, status.device ?? '');
  FIGURES.forEach(([, , text], i) => setText(page.figures[i]!, text(status)));

  const end = status.end;
  const shown = end === null ? '' : JSON.stringify([end, status.checkpoint]);
  if (shown !== page.shownEnd) {
    page.shownEnd = shown;
    page.notice.replaceChildren(...(end === null ? [] : [endNotice(status, end, ask)]));
  }
}

function fact(label: string, value: string, title: string, more?: string): HTMLElement {
  return element(
    'span',
    { title },
    element('span', { class: 'label' }, `${label} `),
    element('span', { class: 'value' }, value),
    ...(more === undefined ? [] : [` (${more})`]),
  );
}
