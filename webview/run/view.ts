import type { RunHeader, RunHostMessage, RunPageMessage, RunPageRequest, RunPageState, RunStatus } from '../../src/protocol/run.js';
import { createButton, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { markFirstPaint } from '../ui/first-paint.js';
import type { Host, PageView } from '../ui/host.js';
import { MarkdownNotes } from '../ui/markdown-notes.js';
import { onThemeChange, readTheme } from '../ui/theme.js';
import { ChartBoard } from './board.js';
import { ComparisonHead } from './comparison-head.js';
import { RunHead } from './head.js';
import { RunLegend } from './legend.js';
import { LogTail } from './log-tail.js';
import { Judged } from './judged.js';
import { Notes } from './notes.js';
import { Pairs } from './pairs.js';
import { ResultsTable } from './results-table.js';
import { VerdictTables } from './verdicts.js';
import { type ChartRun, newChartRun } from './runs.js';
import { Samples } from './samples.js';
import { boardImage } from './save-image.js';
import { Settings } from './settings.js';
import { smoothingWindow } from './smooth.js';
import { ChartToolbar } from './toolbar.js';
import { Why } from './why.js';

type Message<T extends RunHostMessage['type']> = Extract<RunHostMessage, { type: T }>;

/** What the page knows of one run. */
interface Run {
  readonly chart: ChartRun;
  header: RunHeader | undefined;
  status: RunStatus | undefined;
}

interface Page {
  readonly head: RunHead;
  readonly comparison: ComparisonHead;
  readonly results: ResultsTable;
  readonly verdicts: VerdictTables;
  readonly board: ChartBoard;
  readonly toolbar: ChartToolbar;
  readonly legend: RunLegend;
  readonly note: HTMLElement;
  /** What is of one run alone. */
  readonly single: readonly HTMLElement[];
  readonly samples: Samples;
  readonly log: LogTail;
  readonly settings: Settings;
  readonly notes: Notes;
  readonly pairs: Pairs;
  readonly why: Why;
  readonly judged: Judged;
  readonly comparisonNotes: MarkdownNotes;
}

const GESTURES =
  'Drag to zoom, Shift-drag to pan, double-click to show everything, click for the pairs of a step. Keyboard: arrows, +, −, 0, P.';

/** The run panel's page. Holds what it was told last and draws at most once a frame. */
export class RunView implements PageView<RunHostMessage> {
  readonly #root: HTMLElement;
  readonly #host: Host<RunPageMessage, RunPageState>;
  readonly #ask: (request: RunPageRequest) => void;
  #runs: Run[] = [];
  #differences: Message<'runs'>['differences'] = [];
  #missing: readonly string[] = [];
  #page: Page | undefined;
  #frame: number | undefined;
  #curvesChanged = false;
  #runsChanged = false;
  #isPreview = false;
  /** Whether the pointer is on the charts. */
  #isPointed = false;
  /** Whose page it is: another run gets a new one. */
  #folder = '';

  constructor(root: HTMLElement, host: Host<RunPageMessage, RunPageState>) {
    this.#root = root;
    this.#host = host;
    this.#ask = (type) => host.post({ type });
    this.#root.replaceChildren(element('div', { class: 'empty', role: 'status' }, createSpinner(), element('p', {}, 'Reading the run')));
    onThemeChange(() => {
      const theme = readTheme();
      this.#page?.board.setTheme(theme);
      this.#runsChanged = true;
      this.#schedule();
    });
  }

  receive(message: RunHostMessage): void {
    switch (message.type) {
      case 'runs':
        return this.#setRuns(message);
      case 'header':
        this.#setHeader(message);
        return this.#keep();
      case 'status':
        return this.#setStatus(message);
      case 'series':
        // Rows are missing: the host sends all again.
        if (!this.#setSeries(message)) this.#host.post({ type: 'ready' });
        return;
      case 'evals':
        return this.#setEvals(message);
      case 'samples':
        return this.#page?.samples.show(message.samples, message.problem);
      case 'verdicts':
        return this.#page?.verdicts.show(message.verdicts);
      case 'comparison-notes':
        return this.#page?.comparisonNotes.show(message.notes, message.read);
      case 'pairs':
        return this.#page?.pairs.receive(message.shown);
      case 'curve':
        return this.#page?.pairs.receiveCurve(message.shown);
      case 'why':
        return this.#page?.why.receive(message.shown);
      case 'judged':
        return this.#page?.judged.receive(message.shown);
      case 'show-judged':
        return this.#page?.judged.open(message.id);
      case 'show-why':
        return this.#page?.why.open();
      case 'log':
        return this.#page?.log.show(message.lines);
      case 'preview':
        this.#isPreview = message.preview;
        return this.#page?.head.setPreview(message.preview);
      case 'empty':
        return this.#showEmpty(message.reason);
    }
  }

  /** How the host finds the runs for this panel again after a reload of the window, once all are known. */
  #keep(): void {
    const folders = this.#runs.flatMap(({ header }) => header?.folder ?? []);
    if (folders.length > 0 && folders.length === this.#runs.length) this.#host.keep({ folders });
  }

  #setRuns({ count, differences, missing }: Message<'runs'>): void {
    this.#missing = missing;
    this.#runs = Array.from({ length: count }, () => ({ chart: newChartRun(), header: undefined, status: undefined }));
    this.#differences = differences;
    this.#page?.verdicts.show(undefined);
    this.#runsChanged = true;
  }

  #setHeader({ run, header }: Message<'header'>): void {
    const known = this.#runs[run];
    if (known === undefined) return;
    known.header = header;
    known.chart.name = header.name;
    if (run === 0 && header.folder !== this.#folder) {
      this.#folder = header.folder;
      this.#page?.board.dispose();
      this.#page = undefined;
    }
    this.#page ??= this.#createPage();
    this.#runsChanged = true;
    this.#schedule();
  }

  #setStatus({ run, status }: Message<'status'>): void {
    const known = this.#runs[run];
    if (known === undefined) return;
    known.status = status;
    this.#schedule();
  }

  /** Takes over new rows; false when rows are missing. */
  #setSeries({ run, update }: Message<'series'>): boolean {
    const known = this.#runs[run];
    if (known === undefined || !known.chart.series.apply(update)) return false;
    this.#curvesChanged = true;
    this.#schedule();
    return true;
  }

  #setEvals({ run, evals }: Message<'evals'>): void {
    const known = this.#runs[run];
    if (known === undefined) return;
    known.chart.evals = evals.step.length === 0 ? undefined : evals;
    this.#runsChanged = true;
    this.#schedule();
  }

  #showEmpty(reason: string): void {
    this.#page?.board.dispose();
    this.#page = undefined;
    this.#folder = '';
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
      if (this.#page !== undefined) this.#drawInPlace(this.#page);
    });
  }

  /**
   * Draws, and leaves the charts where they are on the screen when somebody points at one or has scrolled to them: what is
   * told above them, such as how the run ended, then comes to stand further up.
   */
  #drawInPlace(page: Page): void {
    const stays = this.#isPointed || window.scrollY > 0;
    const before = stays ? page.board.root.getBoundingClientRect().top : 0;
    this.#draw(page);
    if (!stays || this.#page !== page) return;
    const moved = page.board.root.getBoundingClientRect().top - before;
    if (moved !== 0) window.scrollBy({ top: moved, behavior: 'instant' });
  }

  #draw(page: Page): void {
    const [first] = this.#runs;
    if (first?.header === undefined) return;
    const charts = this.#runs.map(({ chart }) => chart);
    if (this.#runsChanged) {
      this.#runsChanged = false;
      page.head.setHeader(first.header);
      page.settings.show(first.header);
      page.pairs.show(first.header.folder);
      page.why.show(first.header.folder);
      page.judged.show(first.header.folder);
      page.notes.show(first.header.folder, first.header.notes);
      page.board.setRuns(charts);
      page.legend.draw(charts, readTheme());
      for (const part of page.single) part.hidden = charts.length > 1;
      page.comparisonNotes.root.hidden = charts.length < 2;
    } else if (this.#curvesChanged) {
      page.board.changed();
    }
    if (this.#curvesChanged) {
      this.#curvesChanged = false;
      this.#note(page);
      markFirstPaint();
    }
    page.comparison.draw(this.#runs);
    const results = this.#runs.map(({ chart, status }) => ({ name: chart.name, status }));
    page.results.draw(results, this.#differences, this.#missing, readTheme());
    if (first.status !== undefined) {
      page.head.draw(first.status);
      page.settings.showDevice(first.status);
      page.judged.draw(first.status);
    }
  }

  #note({ note, board }: Page): void {
    const { smoothing } = board.settings;
    const longest = Math.max(0, ...this.#runs.map(({ chart }) => chart.series.length));
    const window = smoothing === 'auto' ? smoothingWindow(longest) : smoothing;
    const lines = window > 1 ? `Thin lines: each step. Thick lines: mean of the last ${window} steps. ` : '';
    const partly = this.#runs.some(({ chart }) => chart.series.isOverview);
    setText(note, longest === 0 ? '' : partly ? 'Showing some of the steps; the rest is loading.' : lines + GESTURES);
  }

  #createPage(): Page {
    const notes = new Notes((message) => this.#host.post(message));
    const head = new RunHead(this.#ask, () => notes.edit());
    head.setPreview(this.#isPreview);
    const board = new ChartBoard(readTheme(), ({ zoomed }) => this.#page?.toolbar.setZoomed(zoomed !== undefined));
    const toolbar = new ChartToolbar(board, this.#ask, () => void this.#saveImage());
    toolbar.setZoomed(false);
    toolbar.root.addEventListener('change', () => this.#page !== undefined && this.#note(this.#page));
    const legend = new RunLegend(
      () => board.changed(),
      (run) => this.#host.post({ type: 'remove-run', run }),
    );
    const pairs = new Pairs((message) => this.#host.post(message));
    board.onPick = (step) => {
      if (this.#runs.length === 1) pairs.showStep(step);
    };
    const why = new Why((message) => this.#host.post(message));
    const judged = new Judged((message) => this.#host.post(message));
    const samples = new Samples();
    const log = new LogTail(this.#ask);
    const settings = new Settings(this.#ask);
    board.root.addEventListener('pointerenter', () => (this.#isPointed = true));
    board.root.addEventListener('pointerleave', () => (this.#isPointed = false));
    const below = element('div', { class: 'single' }, notes.root, judged.root, why.root, pairs.root, samples.root, log.root, settings.root);
    const page: Page = {
      head,
      comparison: new ComparisonHead(),
      results: new ResultsTable(),
      verdicts: new VerdictTables(),
      board,
      toolbar,
      legend,
      note: element('p', { class: 'note' }),
      single: [head.root, below],
      samples,
      log,
      settings,
      notes,
      pairs,
      why,
      judged,
      comparisonNotes: new MarkdownNotes({
        id: 'comparison-notes',
        title: 'Notes on this comparison',
        onSave: (text) => {
          const folders = this.#runs.flatMap(({ header }) => header?.folder ?? []);
          this.#host.post({ type: 'set-comparison-notes', folders, notes: text });
        },
      }),
    };
    this.#root.replaceChildren(
      head.root,
      page.comparison.root,
      page.results.root,
      page.verdicts.root,
      page.comparisonNotes.root,
      toolbar.root,
      legend.root,
      board.root,
      page.note,
      below,
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
    const isSingle = names.length === 1;
    const title = isSingle ? names[0]! : `Comparison of ${names.length} runs`;
    const runs = isSingle ? [] : this.#runs.flatMap(({ chart }, place) => (chart.visible ? [{ name: chart.name, place }] : []));
    const png = await boardImage(this.#page.board, readTheme(), title, runs, note);
    this.#host.post({ type: 'save-image', name: isSingle ? names[0]! : `comparison-of-${names.length}`, png });
  }
}
