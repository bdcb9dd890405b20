import { explain, tileAt } from '../../src/core/mask/index.js';
import { formatCount } from '../../src/format.js';
import type { BinMessage, MaskHostMessage, MaskPageMessage } from '../../src/protocol/mask.js';
import { type PlanHeader, PLAN_SIDES, type PlanPageState, type PlanSide } from '../../src/protocol/plan.js';
import { planFacts } from '../plan/facts.js';
import { FigureTable, SIDE_TITLES } from '../plan/figures.js';
import { createLegend } from '../plan/legend.js';
import { PlanNotice, PlanStates } from '../plan/states.js';
import { createButton } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import { markFirstPaint } from '../ui/first-paint.js';
import type { Host, PageView } from '../ui/host.js';
import { onThemeChange, readTheme } from '../ui/theme.js';
import { MaskPair, type Place } from './mask-pair.js';
import { KEYS } from './moves.js';
import { PathStrip } from './path-strip.js';
import { copyPicture, type Picture, toPng, toSvg } from './pictures.js';
import { TokenTexts } from './token-texts.js';
import { MaskToolbar } from './toolbar.js';
import { figuresOf, reasonWords, savingWords, TILE_WORDS, tokenWords } from './words.js';

const HINT = 'Point at a cell, or move with the arrow keys, to see which token looks at which, and why it may.';
/** A path is asked for when the pointer rests that long. */
const REST_MILLISECONDS = 60;

/** The mask inspector's page. */
export class MaskView implements PageView<MaskHostMessage> {
  readonly #host: Host<MaskPageMessage, PlanPageState>;
  readonly #states: PlanStates;
  readonly #notice: PlanNotice;
  readonly #content = element('div', { class: 'content', hidden: '' });
  readonly #name = element('h1');
  readonly #facts = element('div', { class: 'facts' });
  readonly #toolbar: MaskToolbar;
  readonly #figures = new FigureTable('This bin, shared and naive', PLAN_SIDES);
  readonly #saving = element('p', { class: 'saving' });
  readonly #masks: MaskPair;
  readonly #verdict = element('strong');
  readonly #reason = element('span');
  readonly #tile = element('span', { class: 'tile' });
  readonly #row: HTMLElement;
  readonly #path = new PathStrip();
  readonly #said = element('p', { class: 'said', role: 'status', 'aria-live': 'polite' });
  #plan: PlanHeader | undefined;
  #bin: BinMessage | undefined;
  #texts: TokenTexts | undefined;
  #asked: { readonly side: PlanSide; readonly row: number } | undefined;
  #rest: number | undefined;

  constructor(root: HTMLElement, host: Host<MaskPageMessage, PlanPageState>) {
    this.#host = host;
    this.#states = new PlanStates((type) => host.post({ type }));
    this.#notice = new PlanNotice((type) => host.post({ type }));
    this.#masks = new MaskPair({
      describedBy: 'mask-keys',
      text: (side, row) => this.#texts?.get(side, row),
      onCursor: (place) => this.#showCursor(place),
      onTurn: (by) => this.#toolbar.turn(by, (bin) => host.post({ type: 'bin', bin })),
    });
    this.#toolbar = new MaskToolbar({
      showBin: (bin) => host.post({ type: 'bin', bin }),
      findRow: (row) => host.post({ type: 'find-row', row }),
      showSides: (sides) => this.#masks.setSides(sides),
      showTiles: (shown) => this.#masks.setTiles(shown),
      zoom: (factor) => this.#masks.zoom(factor),
      fit: () => this.#masks.fit(),
    });
    this.#row = createButton({
      label: 'Open Row',
      title: 'Show the dataset row of this token',
      onClick: () => {
        const place = this.#masks.cursor;
        if (place !== undefined) host.post({ type: 'open-row', row: this.#masks.rowAt(place) });
      },
    });
    this.#content.append(
      element(
        'header',
        {},
        element('div', { class: 'title' }, this.#name, this.#facts),
        element(
          'div',
          { class: 'actions' },
          createButton({ label: 'Copy PNG', title: 'Copy the visible part as a picture', onClick: () => void this.#copy('png') }),
          createButton({ label: 'Copy SVG', title: 'Copy the visible part as SVG', onClick: () => void this.#copy('svg') }),
          createButton({
            label: 'Packing',
            title: 'Show all bins of this plan',
            onClick: () => host.post({ type: 'packing' }),
          }),
        ),
      ),
      this.#notice.root,
      this.#toolbar.root,
      element('div', { class: 'sums' }, this.#figures.root, this.#saving),
      this.#masks.root,
      createLegend([
        ['skipped', 'hidden'],
        ['partial', 'hidden, but computed: its tile is partial'],
      ]),
      element(
        'section',
        { class: 'cell', 'aria-label': 'The cell' },
        element('p', { role: 'status', 'aria-live': 'polite' }, this.#verdict, ' ', this.#reason, ' ', this.#tile),
        this.#row,
      ),
      this.#path.root,
      createKeyHelp(),
      this.#said,
    );
    root.append(this.#states.root, this.#content);
    this.#showCursor(undefined);
    onThemeChange(() => this.#masks.setTheme(readTheme()));
  }

  receive(message: MaskHostMessage): void {
    switch (message.type) {
      case 'opening':
      case 'empty':
        this.#states.show(message);
        this.#reveal(false);
        break;
      case 'plan':
        this.#setPlan(message.plan);
        break;
      case 'notice':
        this.#notice.show(message);
        break;
      case 'bin':
        this.#setBin(message);
        break;
      case 'no-row':
        this.#say(`No bin of this plan holds row ${formatCount(message.row + 1)}.`);
        break;
      case 'texts':
        if (message.bin !== this.#bin?.bin) break;
        this.#texts?.add(message.side, message.from, message.texts);
        this.#masks.redraw();
        this.#explain(this.#masks.cursor);
        break;
      case 'path':
        if (message.bin === this.#bin?.bin && message.side === this.#asked?.side && message.row === this.#asked.row)
          this.#path.show(message.pieces);
        break;
    }
  }

  #setPlan(plan: PlanHeader): void {
    this.#plan = plan;
    setText(this.#name, plan.name);
    this.#name.title = plan.datasetPath;
    this.#host.keep({ source: plan.source, bin: this.#bin?.bin ?? 0 });
    this.#facts.replaceChildren(...planFacts(plan));
    this.#toolbar.setPlan(plan);
    if (plan.noText !== null) this.#path.clear(`Tokens cannot be shown as text: ${plan.noText}.`);
  }

  #setBin(message: BinMessage): void {
    const { bin, shared, naive, cost } = message;
    this.#bin = message;
    this.#asked = undefined;
    const rows = { shared: shared.tokens.length, naive: naive.tokens.length };
    const silent = this.#plan?.noText !== null;
    this.#texts = new TokenTexts(rows, (side, from, to) => {
      if (!silent) this.#host.post({ type: 'texts', bin, side, from, to });
    });
    this.#reveal(true);
    this.#toolbar.setBin(bin);
    this.#masks.setBin(message);
    this.#figures.show(figuresOf(this.#masks.models!, cost));
    const why = this.#plan?.noFlops ?? null;
    setText(this.#saving, savingWords(rows, cost) + (why === null ? '' : ` FLOPs cannot be counted: ${why}.`));
    this.#host.keep({ source: this.#plan?.source ?? '', bin });
    setText(this.#said, '');
    markFirstPaint();
  }

  #reveal(content: boolean): void {
    this.#states.root.toggleAttribute('hidden', content);
    this.#content.toggleAttribute('hidden', !content);
  }

  #showCursor(place: Place | undefined): void {
    this.#explain(place);
    window.clearTimeout(this.#rest);
    if (place === undefined || this.#bin === undefined || this.#plan?.noText !== null) return;
    const asked = { side: place.side, row: place.cell.query };
    if (asked.side === this.#asked?.side && asked.row === this.#asked.row) return;
    const { bin } = this.#bin;
    this.#rest = window.setTimeout(() => {
      this.#asked = asked;
      this.#host.post({ type: 'path', bin, ...asked });
    }, REST_MILLISECONDS);
  }

  /** Who looks at whom, and why it may or may not. */
  #explain(place: Place | undefined): void {
    const model = place && this.#masks.models?.[place.side];
    this.#row.toggleAttribute('disabled', place === undefined || model === undefined || this.#masks.rowAt(place) < 0);
    if (place === undefined || model === undefined) {
      setText(this.#verdict, '');
      setText(this.#reason, HINT);
      setText(this.#tile, '');
      return;
    }
    const { query, key } = place.cell;
    const { layout, tiles } = model;
    const found = explain(layout, query, key);
    const token = (row: number): string => tokenWords({ row, text: this.#texts?.get(place.side, row), id: layout.tokens[row]! });
    setText(this.#verdict, found.visible ? 'Visible.' : 'Hidden.');
    this.#verdict.className = found.visible ? 'visible' : 'hidden-cell';
    const looks = found.visible ? 'looks at' : 'does not see';
    setText(this.#reason, `${SIDE_TITLES[place.side]}: ${token(query)} ${looks} ${token(key)}. ${reasonWords(layout, found)}`);
    setText(this.#tile, `Tile ${TILE_WORDS[tileAt(tiles, query, key)]}.`);
  }

  async #copy(format: 'png' | 'svg'): Promise<void> {
    const [bin, plan] = [this.#bin, this.#plan];
    if (bin === undefined || plan === undefined) return;
    const picture: Picture = {
      masks: this.#masks.scenes.map(({ side, scene }) => ({ title: SIDE_TITLES[side], scene })),
      theme: readTheme(),
      note: `${plan.name}, bin ${formatCount(bin.bin + 1)} · sharing ${plan.sharing}, capacity ${formatCount(plan.capacity)} · Wishbone`,
    };
    const data = format === 'svg' ? toSvg(picture) : await toPng(picture);
    if (await copyPicture(data)) {
      this.#say(format === 'svg' ? 'Copied as SVG.' : 'Copied as a PNG picture.');
      return;
    }
    // The clipboard is closed to pages in some settings: then it becomes a file.
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(await data.arrayBuffer());
    this.#host.post({ type: 'save', format, name: `${plan.name}-bin-${bin.bin + 1}`, data: bytes });
  }

  #say(text: string): void {
    setText(this.#said, text);
    window.setTimeout(() => {
      if (this.#said.textContent === text) setText(this.#said, '');
    }, 4000);
  }
}

function createKeyHelp(): HTMLElement {
  return element(
    'details',
    { class: 'keys-help' },
    element('summary', {}, 'Keys of a mask'),
    element('dl', { id: 'mask-keys' }, ...KEYS.map(([keys, what]) => element('div', {}, element('dt', {}, keys), element('dd', {}, what)))),
  );
}
