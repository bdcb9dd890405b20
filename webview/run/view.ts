import type { HostMessage, PanelMessage, PanelRequest, RunHeader, RunStatus } from '../../src/protocol/run.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { markFirstPaint } from '../ui/first-paint.js';
import { onThemeChange, readTheme } from '../ui/theme.js';
import { ChartBoard } from './board.js';
import { differencesTable } from './differences.js';
import { RunHead } from './head.js';
import { LogTail } from './log-tail.js';
import { RunChips } from './run-chips.js';
import { type ChartRun, newChartRun } from './runs.js';
import { Samples } from './samples.js';
import { boardImage } from './save-image.js';
import { smoothingWindow } from './smooth.js';
import { ChartToolbar } from './toolbar.js';

type Message<T extends HostMessage['type']> = Extract<HostMessage, { type: T }>;

/** What the page knows of one run. */
interface Run {
  readonly chart: ChartRun;
  header: RunHeader | undefined;
  status: RunStatus | undefined;
}

interface Page {
  readonly head: RunHead;
  readonly board: ChartBoard;
  readonly toolbar: ChartToolbar;
  readonly chips: RunChips;
  readonly note: HTMLElement;
  readonly differences: HTMLElement;
  readonly samples: Samples;
  readonly log: LogTail;
  readonly settings: HTMLElement;
  readonly device: HTMLElement;
}

const GESTURES = 'Drag to zoom, Shift and drag to move along, double click to show all. With the keyboard: arrows, +, −, 0.';

/** The run panel's page. Holds what it was told last and draws at most once a frame. */
export class RunView {
  readonly #root: HTMLElement;
  readonly #post: (message: PanelMessage) => void;
  readonly #ask: (request: PanelRequest) => void;
  #runs: Run[] = [];
  #differences: Message<'runs'>['differences'] = [];
  #page: Page | undefined;
  #frame: number | undefined;
  #curvesChanged = false;
  #runsChanged = false;

  constructor(root: HTMLElement, post: (message: PanelMessage) => void) {
    this.#root = root;
    this.#post = post;
    this.#ask = (type) => post({ type });
    this.#root.replaceChildren(
      element('div', { class: 'empty', role: 'status' }, createSpinner(), element('p', {}, 'Reading the run')),
    );
    onThemeChange(() => {
      const theme = readTheme();
      this.#page?.board.setTheme(theme);
      this.#runsChanged = true;
      this.#schedule();
    });
  }

  /** The runs' folders, the first first; none before all are known. */
  get folders(): string[] {
    const folders = this.#runs.flatMap(({ header }) => header?.folder ?? []);
    return folders.length === this.#runs.length ? folders : [];
  }

  setRuns({ count, differences }: Message<'runs'>): void {
    this.#runs = Array.from({ length: count }, () => ({ chart: newChartRun(), header: undefined, status: undefined }));
    this.#differences = differences;
    this.#runsChanged = true;
  }

  setHeader({ run, header }: Message<'header'>): void {
    const known = this.#runs[run];
    if (known === undefined) return;
    known.header = header;
    known.chart.name = header.name;
    if (this.#page === undefined) {
      this.#page = this.#createPage();
    }
    this.#runsChanged = true;
    this.#schedule();
  }

  setStatus({ run, status }: Message<'status'>): void {
    const known = this.#runs[run];
    if (known === undefined) return;
    if (run > 0 && known.status?.state !== status.state) this.#runsChanged = true;
    known.status = status;
    this.#schedule();
  }

  /** Takes over new rows; false when rows are missing and the host should send all again. */
  setSeries({ run, update }: Message<'series'>): boolean {
    const known = this.#runs[run];
    if (known === undefined || !known.chart.series.apply(update)) return false;
    this.#curvesChanged = true;
    this.#schedule();
    return true;
  }

  setEvals({ run, evals }: Message<'evals'>): void {
    const known = this.#runs[run];
    if (known === undefined) return;
    known.chart.evals = evals.step.length === 0 ? undefined : evals;
    this.#runsChanged = true;
    this.#schedule();
  }

  showSamples({ samples, problem }: Message<'samples'>): void {
    this.#page?.samples.show(samples, problem);
  }

  showLog({ lines }: Message<'log'>): void {
    this.#page?.log.show(lines);
  }

  showEmpty(reason: string): void {
    this.#page = undefined;
    this.#runs = [];
    this.#root.replaceChildren(
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

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      if (this.#page !== undefined) this.#draw(this.#page);
    });
  }

  #draw(page: Page): void {
    const [first] = this.#runs;
    if (first?.header === undefined) return;
    const charts = this.#runs.map(({ chart }) => chart);
    if (this.#runsChanged) {
      this.#runsChanged = false;
      page.head.setHeader(first.header);
      page.settings.replaceChildren(
        ...first.header.settings.flatMap(([label, value]) => [element('dt', {}, label), element('dd', {}, value)]),
      );
      page.board.setRuns(charts);
      const statuses = this.#runs.map(({ status }) => status);
      page.chips.draw(charts, statuses, readTheme());
      page.differences.replaceChildren(
        ...(charts.length > 1 ? [differencesTable(charts.map(({ name }) => name), this.#differences)] : []),
      );
    } else if (this.#curvesChanged) {
      page.board.changed();
    }
    if (this.#curvesChanged) {
      this.#curvesChanged = false;
      this.#note(page);
      markFirstPaint();
    }
    if (first.status !== undefined) {
      page.head.draw(first.status);
      setText(page.device, first.status.device ?? '');
    }
  }

  #note({ note, board }: Page): void {
    const { smoothing } = board.settings;
    const longest = Math.max(0, ...this.#runs.map(({ chart }) => chart.series.length));
    const window = smoothing === 'auto' ? smoothingWindow(longest) : smoothing;
    const lines = window > 1 ? `Thin lines: each step. Thick lines: mean of the latest ${window} steps. ` : '';
    const partly = this.#runs.some(({ chart }) => chart.series.isOverview);
    setText(note, longest === 0 ? '' : partly ? 'Some of the steps; the others are on their way.' : lines + GESTURES);
  }

  #createPage(): Page {
    const head = new RunHead(this.#ask);
    const board = new ChartBoard(readTheme(), ({ zoomed }) => this.#page?.toolbar.setZoomed(zoomed !== undefined));
    const toolbar = new ChartToolbar(board, this.#ask, () => void this.#saveImage());
    toolbar.setZoomed(false);
    toolbar.root.addEventListener('change', () => this.#page !== undefined && this.#note(this.#page));
    const chips = new RunChips(
      () => board.changed(),
      (run) => this.#post({ type: 'remove-run', run }),
    );
    const page: Page = {
      head,
      board,
      toolbar,
      chips,
      note: element('p', { class: 'note' }),
      differences: element('div', { class: 'differences' }),
      samples: new Samples(),
      log: new LogTail(this.#ask),
      settings: element('dl', { class: 'settings' }),
      device: element('span'),
    };
    this.#root.replaceChildren(
      ...head.parts,
      toolbar.root,
      chips.root,
      board.root,
      page.note,
      page.differences,
      page.samples.root,
      page.log.root,
      element(
        'details',
        {},
        element('summary', {}, 'Settings'),
        element('p', { class: 'device' }, page.device),
        page.settings,
      ),
    );
    return page;
  }

  async #saveImage(): Promise<void> {
    const [first] = this.#runs;
    if (this.#page === undefined || first?.header === undefined) return;
    const names = this.#runs.map(({ chart }) => chart.name);
    const { header, status } = first;
    const device = status?.device ?? null;
    const note =
      `Wishbone · ${header.datasetName} · ${header.modelName} · ` +
      `${device === null ? '' : `${device} · `}${new Date().toISOString().slice(0, 10)}`;
    const png = await boardImage(this.#page.board, readTheme(), names.join(', '), note);
    this.#post({ type: 'save-image', name: names.join('-'), png });
  }
}
