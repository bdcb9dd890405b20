import type { OverviewMessage, PackingHostMessage, PackingPageMessage } from '../../src/protocol/packing.js';
import type { PlanHeader, PlanPageState, PlanSide } from '../../src/protocol/plan.js';
import { planFacts } from '../plan/facts.js';
import { FigureTable } from '../plan/figures.js';
import { createLegend } from '../plan/legend.js';
import { PlanNotice, PlanStates } from '../plan/states.js';
import { createButton, createDropdown, labelled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { markFirstPaint } from '../ui/first-paint.js';
import type { Host, PageView } from '../ui/host.js';
import { onThemeChange, readTheme } from '../ui/theme.js';
import { LengthHistograms } from './histogram.js';
import type { Spot } from './painter.js';
import { BinSegments } from './segments.js';
import { ORDERS, type Order } from './slots.js';
import { StackPair } from './stack-pair.js';
import { binWords, packingFigures, packingSaving, segmentWords } from './words.js';

const HINT = 'Point at a bin, or move with the arrow keys. Click to select it; double-click or press Enter to show its mask.';
const ORDER_NAMES: Readonly<Record<Order, string>> = { trained: 'Training order', length: 'By length' };
const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['Left, Right', 'previous and next bin'],
  ['Up, Down', 'segment of the bin'],
  ['Home, End', 'first and last bin'],
  ['Enter', 'show its mask'],
  ['+, −, 0', 'zoom in, zoom out, show everything'],
];
/** The shared bins stand below the naive ones. */
const TOP_DOWN: readonly PlanSide[] = ['naive', 'shared'];

/** The packing view's page. */
export class PackingView implements PageView<PackingHostMessage> {
  readonly #host: Host<PackingPageMessage, PlanPageState>;
  readonly #states: PlanStates;
  readonly #notice: PlanNotice;
  readonly #content = element('div', { class: 'content', hidden: '' });
  readonly #name = element('h1');
  readonly #facts = element('div', { class: 'facts' });
  readonly #figures = new FigureTable('All bins, naive and shared', TOP_DOWN);
  readonly #saving = element('p', { class: 'saving' });
  readonly #stacks: StackPair;
  readonly #histograms = new LengthHistograms(readTheme());
  readonly #words = element('p', { role: 'status', 'aria-live': 'polite' });
  readonly #mask: HTMLElement;
  readonly #row: HTMLElement;
  #plan: PlanHeader | undefined;
  #overview: OverviewMessage | undefined;
  #segments: BinSegments | undefined;

  constructor(root: HTMLElement, host: Host<PackingPageMessage, PlanPageState>) {
    this.#host = host;
    this.#states = new PlanStates((type) => host.post({ type }));
    this.#notice = new PlanNotice((type) => host.post({ type }));
    this.#stacks = new StackPair({
      describedBy: 'packing-keys',
      onSpot: (spot) => this.#describe(spot),
      onOpen: () => this.#showMask(),
    });
    const order = createDropdown({
      label: 'Order of the bins',
      choices: ORDERS.map((value) => ({ value, label: ORDER_NAMES[value] })),
      value: 'trained',
      onChange: (value) => this.#stacks.setOrder(ORDERS.find((known) => known === value) ?? 'trained'),
    });
    this.#mask = createButton({
      label: 'Show Mask',
      title: 'Show the bin in the mask inspector (Enter, or a double click)',
      onClick: () => this.#showMask(),
    });
    this.#row = createButton({
      label: 'Open Row',
      title: 'Show the dataset row of this segment',
      onClick: () => {
        const row = this.#rowOf(this.#stacks.chosen);
        if (row >= 0) host.post({ type: 'open-row', row });
      },
    });
    this.#content.append(
      element('header', {}, element('div', { class: 'title' }, this.#name, this.#facts)),
      this.#notice.root,
      element(
        'div',
        { class: 'view-toolbar', role: 'toolbar', 'aria-label': 'Bins' },
        element('div', { class: 'field' }, element('span', { 'aria-hidden': 'true' }, 'Order'), order.root),
        element(
          'div',
          { class: 'actions' },
          labelled('+', 'Zoom in (+)', () => this.#stacks.zoom(2)),
          labelled('−', 'Zoom out (−)', () => this.#stacks.zoom(0.5)),
          createButton({ label: 'Fit', title: 'Show everything (0)', onClick: () => this.#stacks.fit() }),
        ),
        element('div', { class: 'actions end' }, this.#mask, this.#row),
      ),
      element('div', { class: 'sums' }, this.#figures.root, this.#saving),
      this.#stacks.root,
      createLegend([['free', 'unused part of the bin']]),
      element('section', { class: 'spot', 'aria-label': 'The bin' }, this.#words),
      element('section', { 'aria-label': 'Lengths' }, element('h2', {}, 'Lengths'), this.#histograms.root),
      createKeys(),
    );
    root.append(this.#states.root, this.#content);
    this.#describe(undefined);
    onThemeChange(() => {
      this.#stacks.setTheme(readTheme());
      this.#histograms.setTheme(readTheme());
    });
  }

  receive(message: PackingHostMessage): void {
    switch (message.type) {
      case 'opening':
      case 'empty':
        this.#states.show(message);
        this.#reveal(false);
        break;
      case 'plan':
        this.#plan = message.plan;
        setText(this.#name, message.plan.name);
        this.#name.title = message.plan.datasetPath;
        this.#facts.replaceChildren(...planFacts(message.plan));
        this.#host.keep({ source: message.plan.source, bin: 0 });
        break;
      case 'notice':
        this.#notice.show(message);
        break;
      case 'overview':
        this.#setOverview(message);
        break;
      case 'bins':
        this.#segments?.add(message);
        this.#stacks.redraw();
        this.#describe(this.#stacks.spot);
        break;
      case 'focus':
        this.#stacks.choose({ side: 'shared', bin: message.bin, segment: undefined });
        break;
    }
  }

  #setOverview(overview: OverviewMessage): void {
    const plan = this.#plan;
    if (plan === undefined) return;
    const totals = { shared: overview.shared, naive: overview.naive };
    this.#overview = overview;
    this.#segments = new BinSegments(
      { shared: overview.shared.stepStart.at(-1)!, naive: overview.naive.stepStart.at(-1)! },
      (side, from, to) => this.#host.post({ type: 'bins', side, from, to }),
    );
    this.#reveal(true);
    this.#figures.show(packingFigures(overview, plan));
    const why = plan.noFlops === null ? '' : ` FLOPs cannot be counted: ${plan.noFlops}.`;
    setText(this.#saving, packingSaving(overview) + why);
    this.#histograms.show(overview.histogram);
    this.#stacks.setPlan(totals, plan.capacity, this.#segments);
    if (overview.focus !== null) this.#stacks.choose({ side: 'shared', bin: overview.focus, segment: undefined });
    markFirstPaint();
  }

  #reveal(content: boolean): void {
    this.#states.root.toggleAttribute('hidden', content);
    this.#content.toggleAttribute('hidden', !content);
  }

  #describe(spot: Spot | undefined): void {
    const chosen = this.#stacks.chosen;
    this.#mask.toggleAttribute('disabled', this.#target(chosen) === undefined);
    this.#row.toggleAttribute('disabled', this.#rowOf(chosen) < 0);
    const [overview, plan] = [this.#overview, this.#plan];
    if (spot === undefined || overview === undefined || plan === undefined) {
      setText(this.#words, HINT);
      return;
    }
    const bin = binWords(spot.side, overview[spot.side], spot.bin, plan.capacity);
    const segment = spot.segment === undefined ? undefined : this.#segments?.get(spot.side, spot.bin)?.[spot.segment];
    setText(this.#words, segment === undefined ? bin : `${bin} Segment: ${segmentWords(segment)}`);
  }

  #rowOf(spot: Spot | undefined): number {
    if (spot?.segment === undefined) return -1;
    return this.#segments?.get(spot.side, spot.bin)?.[spot.segment]?.row ?? -1;
  }

  /** What the mask inspector can show: the plan's own bins, and those that hold a naive bin's rows. */
  #target(spot: Spot | undefined): { readonly bin: number | null; readonly row: number | null } | undefined {
    if (spot === undefined) return undefined;
    const row = this.#rowOf(spot);
    if (spot.side === 'shared') return { bin: spot.bin, row: row < 0 ? null : row };
    const any = row >= 0 ? row : (this.#segments?.get('naive', spot.bin)?.find((segment) => segment.row >= 0)?.row ?? -1);
    return any < 0 ? undefined : { bin: null, row: any };
  }

  #showMask(): void {
    const target = this.#target(this.#stacks.chosen);
    if (target !== undefined) this.#host.post({ type: 'mask', ...target });
  }
}

function createKeys(): HTMLElement {
  return element(
    'details',
    { class: 'keys-help' },
    element('summary', {}, 'Keys of the bins'),
    element(
      'dl',
      { id: 'packing-keys' },
      ...KEYS.map(([keys, what]) => element('div', {}, element('dt', {}, keys), element('dd', {}, what))),
    ),
  );
}
