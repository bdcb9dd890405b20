import { formatMetric, formatPercent, formatRate, formatRatio, plural } from '../../src/format.js';
import type { PanelRequest, RunHeader, RunStatus } from '../../src/protocol/run.js';
import { createButton, createSpinner, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { notices } from './notices.js';
import { activityText, barFraction, progressText, STATE_WORDS, timeText } from './words.js';

type Ask = (request: PanelRequest) => void;

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

/** The upper part of the panel: whose it is, how it stands, what can be done, how it ended. */
export class RunHead {
  readonly parts: readonly HTMLElement[];
  readonly #ask: Ask;
  readonly #name = element('h1');
  readonly #badge = element('span', { class: 'badge', role: 'status', 'aria-live': 'polite' });
  readonly #facts = element('p', { class: 'facts' });
  readonly #bar = element(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    element('div'),
  );
  readonly #activityText = element('span', { role: 'status', 'aria-live': 'polite' });
  readonly #activity = element('span', { class: 'activity' }, createSpinner(), this.#activityText);
  readonly #progress = element('span', { class: 'progress' });
  readonly #time = element('span', { class: 'time' });
  readonly #figures = FIGURES.map(() => element('dd'));
  readonly #notice = element('div', { class: 'notice-area', role: 'status', 'aria-live': 'polite' });
  readonly #buttons: Readonly<Record<'stop' | 'resume' | 'trust' | 'duplicate', HTMLElement>>;
  #header: RunHeader | undefined;
  /** What `notice` shows, as text, so that it is rebuilt only when it changes. */
  #shownNotices = '';

  constructor(ask: Ask) {
    this.#ask = ask;
    this.#buttons = {
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
      duplicate: createButton({
        label: 'Duplicate…',
        title: 'A new run with these settings, to be changed first',
        onClick: () => ask('duplicate'),
      }),
    };
    const { stop, resume, trust, duplicate } = this.#buttons;
    const reveal = createButton({ label: 'Reveal Folder', title: 'Show the run folder', onClick: () => ask('reveal') });
    this.parts = [
      element(
        'header',
        {},
        element('div', { class: 'title' }, element('div', { class: 'name' }, this.#name, this.#badge), this.#facts),
        element(
          'div',
          { class: 'actions', role: 'toolbar', 'aria-label': 'Run' },
          ...[stop, resume, trust, duplicate, reveal],
        ),
      ),
      element(
        'section',
        { class: 'progress-area', 'aria-label': 'Progress' },
        this.#bar,
        element('div', { class: 'progress-line' }, this.#progress, this.#activity, this.#time),
      ),
      this.#notice,
      element(
        'dl',
        { class: 'figures', 'aria-label': 'Figures' },
        ...FIGURES.map(([label, title], i) => element('div', { title }, element('dt', {}, label), this.#figures[i]!)),
      ),
    ];
  }

  setHeader(header: RunHeader): void {
    this.#header = header;
    setText(this.#name, header.name);
    this.#name.title = header.folder;
    this.#facts.replaceChildren(
      fact('Dataset', header.datasetName, header.datasetPath, plural(header.pairs, 'pair')),
      fact('Model', header.modelName, header.modelPath),
      fact(
        'Sharing',
        header.sharing,
        'tokens of the naive plan over those of this one',
        header.tokenRatio === null ? undefined : `token ratio ${formatRatio(header.tokenRatio)}`,
      ),
    );
  }

  draw(status: RunStatus): void {
    setText(this.#badge, STATE_WORDS[status.state]);
    this.#badge.dataset['state'] = status.state;

    const { stop, resume, trust, duplicate } = this.#buttons;
    const live = isLive(status);
    stop.hidden = !live || !status.mayAct;
    setText(stop, status.state === 'stopping' ? 'End Now…' : 'Stop');
    setDisabled(stop, status.state === 'starting');
    resume.hidden = live || status.state === 'finished' || !status.mayAct;
    setText(resume, status.state === 'planned' ? 'Start' : 'Resume');
    setDisabled(resume, (this.#header?.planProblem ?? null) !== null);
    trust.hidden = status.mayAct;
    duplicate.hidden = !status.mayAct;

    const fraction = barFraction(status);
    const fill = this.#bar.firstElementChild as HTMLElement;
    this.#bar.classList.toggle('unknown', fraction === undefined && live);
    fill.style.width = `${(fraction ?? 0) * 100}%`;
    if (fraction === undefined) this.#bar.removeAttribute('aria-valuenow');
    else this.#bar.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
    const value = [progressText(status), timeText(status)].filter((text) => text !== '').join(', ');
    if (value === '') this.#bar.removeAttribute('aria-valuetext');
    else this.#bar.setAttribute('aria-valuetext', value);
    this.#bar.dataset['state'] = status.state;

    const activity = activityText(status);
    this.#activity.hidden = activity === '';
    setText(this.#activityText, activity);
    setText(this.#progress, progressText(status));
    setText(this.#time, timeText(status));
    FIGURES.forEach(([, , text], i) => setText(this.#figures[i]!, text(status)));

    const planProblem = this.#header?.planProblem ?? null;
    const shown = JSON.stringify([status.end, status.checkpoint, status.warnings, status.skippedLines, planProblem]);
    if (shown !== this.#shownNotices) {
      this.#shownNotices = shown;
      this.#notice.replaceChildren(...notices(status, planProblem, this.#ask));
    }
  }
}

function isLive({ state }: RunStatus): boolean {
  return state === 'running' || state === 'stopping' || state === 'starting';
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
