import './pairs.css';

import { formatCount, formatMetric, plural } from '../../src/format.js';
import type { RunPageMessage } from '../../src/protocol/run.js';
import type { PairListView, PairsAsked, ShownPair, ShownPairs } from '../../src/protocol/run-pairs.js';
import { createButton, createDropdown } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';
import type { ShownCurve } from '../../src/protocol/run-curve.js';
import { PairCurve } from './pair-curve.js';

const VIEWS: readonly { readonly value: PairListView; readonly label: string }[] = [
  { value: 'worse', label: 'Got worse' },
  { value: 'never-learned', label: 'Never learned' },
  { value: 'mislabelled', label: 'Probably mislabelled' },
  { value: 'long', label: 'Long wins only because long' },
  { value: 'all', label: 'All' },
];
const OF = [
  { value: 'train', label: 'Trained on' },
  { value: 'evaluation', label: 'Evaluated' },
] as const;

interface PairColumn {
  readonly label: string;
  readonly text: (pair: ShownPair) => string;
  readonly title?: string;
}

const COLUMNS: readonly PairColumn[] = [
  { label: 'Margin', text: ({ now }) => formatMetric(now), title: 'When it was last seen' },
  { label: 'Start', text: ({ start }) => formatMetric(start), title: 'Before training, or when it was first seen' },
  { label: 'Change', text: ({ change }) => formatMetric(change) },
  { label: 'Loss', text: ({ loss }) => formatMetric(loss) },
  {
    label: 'Label',
    text: ({ evidence }) => formatMetric(evidence),
    title: 'Log-odds that the label is right: below 0, margins speak against it',
  },
  {
    label: 'Tokens',
    text: ({ chosenTokens, rejectedTokens }) => `${formatCount(chosenTokens)}/${formatCount(rejectedTokens)}`,
    title: 'Chosen/rejected',
  },
  { label: 'Seen', text: ({ seen }) => formatCount(seen) },
];

/** What became of the pairs of a run: lists that answer a question each, and the pairs of one step. */
export class Pairs {
  readonly root: HTMLDetailsElement;
  readonly #controls = element('div', { class: 'pairs-controls' });
  readonly #step = element('p', { class: 'pairs-step', hidden: '' });
  readonly #stepText = element('span');
  readonly #help = element('p', { class: 'note' });
  readonly #count = element('p', { class: 'note', role: 'status' });
  readonly #head = element('tr');
  readonly #body = element('tbody');
  readonly #table: HTMLElement;
  readonly #curve = new PairCurve();
  #asked: PairsAsked = { of: 'train', view: 'worse', step: null };
  /** Whether the run evaluates, as far as is known. */
  #evaluates: boolean | undefined;
  #folder = '';
  /** It is brought into view once what was asked for is there. */
  #shallShow = false;

  constructor(readonly post: (message: RunPageMessage) => void) {
    const all = createButton({ label: 'All Steps', onClick: () => this.#ask({ step: null }) });
    this.#step.append(this.#stepText, ' ', all);
    this.#table = element(
      'div',
      { class: 'table-scroll pairs-table', tabindex: '0', role: 'region', 'aria-label': 'Pairs' },
      element('table', {}, element('thead', {}, this.#head), this.#body),
    );
    this.root = element(
      'details',
      { class: 'pairs' },
      element('summary', {}, 'Pairs'),
      this.#curve.root,
      this.#controls,
      this.#step,
      this.#help,
      this.#count,
      this.#table,
    );
    this.root.addEventListener('toggle', () => {
      if (this.root.open) this.#ask({});
    });
    this.#drawControls(false);
  }

  /** Takes over whose pairs they are. */
  show(folder: string): void {
    if (folder === this.#folder) return;
    // The curve of a pair may have come before the page was drawn for the first time.
    if (this.#folder !== '') this.#curve.leave();
    this.#folder = folder;
    if (this.root.open) this.#ask({ step: null });
  }

  /** Opens the list of the pairs that a step trained on. */
  showStep(step: number): void {
    this.#asked = { of: 'train', view: 'all', step };
    this.#drawControls(this.#evaluates === true);
    if (this.root.open) this.#ask({});
    else this.root.open = true;
    this.#shallShow = true;
    this.root.querySelector('summary')!.focus({ preventScroll: true });
  }

  /** Shows how a pair went. */
  receiveCurve(shown: ShownCurve): void {
    this.root.open = true;
    this.#curve.show(shown);
    this.#curve.root.scrollIntoView({ block: 'center' });
  }

  /** Takes over what there is, unless something else was asked for since. */
  receive({ asked, evaluates, seen, found, pairs, help, problem }: ShownPairs): void {
    if (JSON.stringify(asked) !== JSON.stringify(this.#asked)) return;
    if (evaluates !== this.#evaluates) {
      this.#evaluates = evaluates;
      this.#drawControls(evaluates);
    }
    const { step } = asked;
    this.#step.hidden = step === null;
    setText(this.#stepText, step === null ? '' : `Those trained on in step ${formatCount(step)}.`);
    setText(this.#help, help === '' ? '' : `${help[0]!.toUpperCase()}${help.slice(1)}.`);
    const more = pairs.length < found ? `, the first ${formatCount(pairs.length)} of them here` : '';
    setText(this.#count, problem !== '' ? problem : `${formatCount(found)} of ${plural(seen, 'pair')}${more}`);
    this.#table.hidden = pairs.length === 0;
    const hasSource = pairs.some(({ source }) => source !== null);
    const then = step === null ? [] : [{ label: `At step ${formatCount(step)}`, text: ({ atStep }: ShownPair) => formatMetric(atStep) }];
    const columns = [...then, ...COLUMNS];
    this.#head.replaceChildren(
      element('th', { scope: 'col' }, 'Row'),
      ...(hasSource ? [element('th', { scope: 'col' }, 'Source')] : []),
      ...columns.map(({ label, ...more }) => {
        const title = 'title' in more && more.title !== undefined ? { title: more.title } : {};
        return element('th', { scope: 'col', class: 'amount', ...title }, label);
      }),
      element('th', { scope: 'col' }, 'Show'),
    );
    this.#drawRows(pairs, asked, hasSource, columns);
    if (!this.#shallShow) return;
    this.#shallShow = false;
    this.root.scrollIntoView({ block: 'start' });
  }

  #drawRows(pairs: readonly ShownPair[], asked: PairsAsked, hasSource: boolean, columns: readonly PairColumn[]): void {
    this.#body.replaceChildren(
      ...pairs.map((pair) => {
        const action = (label: string, title: string, message: RunPageMessage, name = 'pair-action'): HTMLElement => {
          const button = element('button', { type: 'button', class: name, title }, label);
          button.addEventListener('click', () => this.post(message));
          return button;
        };
        const { of } = asked;
        const { row, nth, place } = pair;
        const open = action(place, 'Show its row in the file', { type: 'open-pair', of, row, how: 'text' }, 'pair-place');
        const table = action('Table', 'Show it in the table of the dataset, with its margins', {
          type: 'open-pair',
          of,
          row,
          how: 'table',
        });
        const curve = action('Curve', 'Show how its margin went', { type: 'get-curve', asked: { of, row, nth } });
        table.setAttribute('aria-label', `Table: ${place}`);
        curve.setAttribute('aria-label', `Curve: ${place}`);
        return element(
          'tr',
          {},
          element('th', { scope: 'row' }, open),
          ...(hasSource ? [element('td', {}, pair.source ?? '')] : []),
          ...columns.map(({ text }) => element('td', { class: 'amount' }, text(pair))),
          element('td', { class: 'pair-actions' }, table, curve),
        );
      }),
    );
  }

  #drawControls(evaluates: boolean): void {
    const { of, view } = this.#asked;
    const dropdown = (
      label: string,
      choices: readonly { value: string; label: string }[],
      value: string,
      onChange: (value: string) => void,
    ) => createDropdown({ label, choices, value, onChange }).root;
    this.#controls.replaceChildren(
      dropdown('Which pairs', VIEWS, view, (value) => this.#ask({ view: value as PairListView })),
      ...(evaluates
        ? [dropdown('Trained on or evaluated', OF, of, (value) => this.#ask({ of: value as PairsAsked['of'], step: null }))]
        : []),
    );
  }

  #ask(change: Partial<PairsAsked>): void {
    this.#asked = { ...this.#asked, ...change };
    this.post({ type: 'get-pairs', asked: this.#asked });
  }
}
