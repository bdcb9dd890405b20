import { formatCount, formatMetric, formatPercent, formatRate, formatRatio, plural, sentence } from '../../src/format.js';
import type { BestStatus, RunPageRequest, RunHeader, RunStatus } from '../../src/protocol/run.js';
import { createButton, createSpinner, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { DeviceTable } from './devices.js';
import { notices } from './notices.js';
import { RankBars } from './ranks.js';
import { TimeBar } from './time-bar.js';
import { activityText, barFraction, progressText, STATE_WORDS, timeText } from './words.js';

type Ask = (request: RunPageRequest) => void;

interface Figure {
  readonly label: (status: RunStatus) => string;
  readonly title: (status: RunStatus) => string;
  readonly value: (status: RunStatus) => string;
  /** What it was at the best evaluation. */
  readonly best?: (best: BestStatus) => string;
}

const isEval = ({ figures }: RunStatus): boolean => figures?.of === 'evaluation';
const judged = (what: string) => (status: RunStatus) => (isEval(status) ? `Eval ${what}` : sentence(what));
const fixed = (text: string) => () => text;
const ofPairs = (text: string) => (status: RunStatus) =>
  `${text}, ${isEval(status) ? 'of the eval pairs' : 'of the last pairs trained on'}`;

const FIGURES: readonly Figure[] = [
  {
    label: judged('loss'),
    title: ofPairs('mean loss'),
    value: ({ loss }) => formatMetric(loss),
    best: ({ loss }) => formatMetric(loss),
  },
  {
    label: judged('margin'),
    title: ofPairs('reward of the chosen response minus that of the rejected one'),
    value: ({ margin }) => formatMetric(margin),
    best: ({ margin }) => formatMetric(margin),
  },
  {
    label: judged('accuracy'),
    title: ofPairs('share of pairs whose chosen response has the higher reward'),
    value: ({ accuracy }) => formatPercent(accuracy),
    best: ({ accuracy }) => formatPercent(accuracy),
  },
  {
    label: fixed('Pairs/s'),
    title: fixed('over the last steps'),
    value: ({ pairsPerSecond }) => formatRate(pairsPerSecond),
  },
  {
    label: fixed('Tokens/s'),
    title: fixed('over the last steps; a shared prompt counts once'),
    value: ({ tokensPerSecond }) => formatRate(tokensPerSecond),
  },
  {
    label: fixed('Of speed of light'),
    title: fixed("required FLOP/s as a share of this machine's measured matrix product rate"),
    value: ({ speedOfLight }) => formatPercent(speedOfLight),
  },
];

/** One figure of the panel: its name, its value, and what it was at the best evaluation. */
class FigureBox {
  readonly #name = element('dt');
  readonly #value = element('dd');
  readonly #best = element('dd', { class: 'best' });
  readonly root = element('div', {}, this.#name, this.#value, this.#best);

  constructor(readonly figure: Figure) {}

  draw(status: RunStatus): void {
    const { label, title, value, best: ofBest } = this.figure;
    const { best, figures } = status;
    setText(this.#name, label(status));
    setText(this.#value, value(status));
    if (this.root.title !== title(status)) this.root.title = title(status);
    // Where the latest evaluation is the best one, it says so already.
    const shown = ofBest !== undefined && best !== null && best.step !== figures?.step;
    setText(this.#best, shown ? `best: ${ofBest(best)}` : '');
  }
}

/** What the first figures are of. */
function figuresNote({ figures, best }: RunStatus): string {
  if (figures === null) return '';
  const { of, step, pairs } = figures;
  if (of === 'training') return `Loss, margin and accuracy: mean over the last ${plural(pairs, 'pair')} trained on.`;
  const where = `Evaluation of ${plural(pairs, 'pair')} after step ${formatCount(step)}`;
  if (best === null) return `${where}.`;
  return best.step === step ? `${where}, the best so far.` : `${where}. The best was after step ${formatCount(best.step)}.`;
}

/** The upper part of the panel: whose it is, how it stands, what can be done, how it ended. */
export class RunHead {
  readonly root: HTMLElement;
  readonly #ask: Ask;
  readonly #name = element('h1');
  readonly #badge = element('span', { class: 'badge', role: 'status', 'aria-live': 'polite' });
  readonly #facts = element('p', { class: 'facts' });
  readonly #tags = element('span', { class: 'tags' });
  readonly #trackers = element('p', { class: 'facts trackers' });
  /** What they show, as text. */
  #shownTrackers = '';
  readonly #bar = element(
    'div',
    { class: 'bar', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': '0', 'aria-valuemax': '100' },
    element('div'),
  );
  readonly #activityText = element('span', { role: 'status', 'aria-live': 'polite' });
  readonly #activity = element('span', { class: 'activity' }, createSpinner(), this.#activityText);
  readonly #progress = element('span', { class: 'progress' });
  readonly #time = element('span', { class: 'time' });
  readonly #figures = FIGURES.map((figure) => new FigureBox(figure));
  readonly #timeBar = new TimeBar();
  readonly #devices = new DeviceTable();
  readonly #ranks = new RankBars();
  readonly #figuresNote = element('p', { class: 'note figures-note' });
  readonly #notice = element('div', { class: 'notice-area', role: 'status', 'aria-live': 'polite' });
  readonly #buttons: Readonly<Record<'stop' | 'resume' | 'trust' | 'tryIt' | 'judge' | 'duplicate' | 'keep', HTMLElement>>;
  #header: RunHeader | undefined;
  /** What can be changed in a trusted workspace alone. */
  readonly #labels: HTMLElement;
  /** What `notice` shows, as text, so that it is rebuilt only when it changes. */
  #shownNotices = '';

  constructor(ask: Ask, editNotes: () => void) {
    this.#ask = ask;
    this.#buttons = {
      stop: createButton({
        label: 'Stop',
        title: 'Finish the step, write a checkpoint and end; you can resume the run later',
        onClick: () => ask('stop'),
      }),
      resume: createButton({ label: 'Resume', appearance: 'primary', onClick: () => ask('resume') }),
      trust: createButton({
        label: 'Manage Workspace Trust',
        title: 'Runs can be started and stopped only in a trusted workspace',
        onClick: () => ask('manage-trust'),
      }),
      tryIt: createButton({
        label: 'Try It',
        title: 'Talk to the trained model and its reference, side by side',
        onClick: () => ask('try'),
      }),
      judge: createButton({
        label: 'Judge…',
        title: 'Win rate of its completions beside others, by a judge of your choice',
        onClick: () => ask('judge'),
      }),
      duplicate: createButton({
        label: 'Duplicate…',
        title: 'A new run with these settings, which you can change first',
        onClick: () => ask('duplicate'),
      }),
      keep: createButton({
        label: 'Keep Open',
        title: 'Keep this tab; the next run opened from the Runs view gets its own. Double-clicking a run there does the same',
        onClick: () => ask('keep-open'),
      }),
    };
    const { stop, resume, trust, tryIt, judge, duplicate, keep } = this.#buttons;
    this.#labels = element(
      'p',
      { class: 'labels' },
      this.#tags,
      link('Rename…', 'Give this run another name', () => ask('rename')),
      link('Tag…', 'Tags for finding this run', () => ask('tag')),
      link('Notes', 'Write notes about this run', editNotes),
      link('Masks', 'Which tokens see which in its bins', () => ask('masks')),
      link('Packing', 'All bins of its plan', () => ask('packing')),
    );
    const reveal = createButton({ label: 'Reveal Folder', title: 'Show the run folder', onClick: () => ask('reveal') });
    this.root = element(
      'div',
      { class: 'single' },
      element(
        'header',
        {},
        element(
          'div',
          { class: 'title' },
          element('div', { class: 'name' }, this.#name, this.#badge),
          this.#facts,
          this.#trackers,
          this.#labels,
        ),
        element(
          'div',
          { class: 'actions', role: 'toolbar', 'aria-label': 'Run' },
          ...[stop, resume, trust, tryIt, judge, duplicate, reveal, keep],
        ),
      ),
      element(
        'section',
        { class: 'progress-area', 'aria-label': 'Progress' },
        this.#bar,
        element('div', { class: 'progress-line' }, this.#progress, this.#activity, this.#time),
      ),
      element('dl', { class: 'figures', 'aria-label': 'Figures' }, ...this.#figures.map(({ root }) => root)),
      this.#figuresNote,
      this.#timeBar.root,
      this.#devices.root,
      this.#ranks.root,
      this.#notice,
    );
  }

  setHeader(header: RunHeader): void {
    this.#header = header;
    setText(this.#name, header.name);
    this.#name.title = header.folder;
    this.#tags.hidden = header.tags.length === 0;
    setText(this.#tags, header.tags.map((tag) => `#${tag}`).join(' '));
    this.#facts.replaceChildren(
      fact(
        'Dataset',
        header.datasetName,
        header.datasetPath,
        [plural(header.pairs, 'pair'), ...(header.leftOut === '' ? [] : [header.leftOut])].join(', '),
      ),
      fact('Model', header.modelName, header.modelPath),
      fact(
        'Sharing',
        header.sharing,
        'tokens of the naive plan divided by those of this plan',
        header.tokenRatio === null ? undefined : `token ratio ${formatRatio(header.tokenRatio)}`,
      ),
    );
  }

  #drawTrackers(trackers: RunStatus['trackers']): void {
    const shown = JSON.stringify(trackers);
    if (shown === this.#shownTrackers) return;
    this.#shownTrackers = shown;
    this.#trackers.hidden = trackers.length === 0;
    this.#trackers.replaceChildren(
      ...trackers.map(({ label, url, text }) => fact('Tracker', label, url ?? '', text === '' ? undefined : text, url)),
    );
  }

  setPreview(isPreview: boolean): void {
    this.#buttons.keep.hidden = !isPreview;
  }

  draw(status: RunStatus): void {
    setText(this.#badge, STATE_WORDS[status.state]);
    this.#badge.dataset['state'] = status.state;
    this.#badge.title = status.job;
    this.#drawTrackers(status.trackers);

    const { stop, resume, trust, tryIt, judge, duplicate } = this.#buttons;
    const live = isLive(status);
    stop.hidden = !live || !status.mayAct;
    setText(stop, status.state === 'stopping' ? 'End Now…' : 'Stop');
    setDisabled(stop, status.state === 'starting');
    resume.hidden = live || status.state === 'finished' || !status.mayAct;
    setText(resume, status.state === 'planned' ? 'Start' : 'Resume');
    // Resumed as it is, it would only fail again.
    const hopeless = status.end?.kind === 'failed' && status.end.sameCause;
    resume.setAttribute('appearance', hopeless ? 'secondary' : 'primary');
    const before = hopeless ? duplicate : stop;
    if (before.nextElementSibling !== resume) before.after(resume);
    duplicate.setAttribute('appearance', hopeless ? 'primary' : 'secondary');
    setDisabled(resume, (this.#header?.planProblem ?? null) !== null);
    tryIt.hidden = status.end?.kind !== 'finished' || status.end.exportPath === null || !status.mayAct;
    judge.hidden = tryIt.hidden;
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
    for (const figure of this.#figures) figure.draw(status);
    setText(this.#figuresNote, figuresNote(status));
    this.#timeBar.draw(status, this.#header?.predicted ?? null);
    this.#devices.draw(status);
    this.#ranks.draw(status);

    const planProblem = this.#header?.planProblem ?? null;
    const shown = JSON.stringify([
      status.end,
      status.checkpoint,
      status.best,
      status.state,
      status.warnings,
      status.skippedLines,
      planProblem,
    ]);
    if (shown !== this.#shownNotices) {
      this.#shownNotices = shown;
      this.#notice.replaceChildren(...notices(status, planProblem, this.#ask));
    }
  }
}

/** A button that reads as part of the text. */
function link(label: string, title: string, onClick: () => void): HTMLElement {
  const button = element('button', { class: 'link', type: 'button', title }, label);
  button.addEventListener('click', onClick);
  return button;
}

function isLive({ state }: RunStatus): boolean {
  return state === 'running' || state === 'stopping' || state === 'starting' || state === 'queued';
}

/** @param href of a page that is opened outside */
function fact(label: string, value: string, title: string, more?: string, href: string | null = null): HTMLElement {
  const shown = href === null ? element('span', { class: 'value' }, value) : element('a', { class: 'value', href }, value);
  return element('span', { title }, element('span', { class: 'label' }, `${label} `), shown, ...(more === undefined ? [] : [` (${more})`]));
}
