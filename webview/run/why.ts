import './why.css';

import { formatCount, formatPercent } from '../../src/format.js';
import type { RunPageMessage } from '../../src/protocol/run.js';
import type { ShownGroup, ShownPart, ShownRemedy, ShownWhy, WhyAsked } from '../../src/protocol/run-why.js';
import { createButton, createDropdown, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

const OF = [
  { value: 'evaluation', label: 'Evaluated pairs' },
  { value: 'train', label: 'Pairs trained on' },
] as const;

/** Why the chosen responses of a run became less likely: what its figures show, what helps, and the figures. */
export class Why {
  readonly root: HTMLDetailsElement;
  readonly #controls = element('div', { class: 'why-controls' });
  readonly #state = element('p', { class: 'why-state', role: 'status' });
  readonly #answer = element('div', { class: 'why-answer' });
  #asked: WhyAsked = { of: null, tokens: false };
  #shown: ShownWhy | undefined;
  #isAsking = false;
  #folder = '';
  /** It is brought into view once the answer is there. */
  #shallShow = false;

  constructor(readonly post: (message: RunPageMessage) => void) {
    this.root = element(
      'details',
      { class: 'why' },
      element('summary', {}, 'Why did chosen rewards fall?'),
      this.#controls,
      this.#state,
      this.#answer,
    );
    this.root.addEventListener('toggle', () => {
      if (this.root.open) this.#ask({});
      else if (this.#isAsking) this.#cancel();
    });
  }

  /** Takes over whose pairs they are. */
  show(folder: string): void {
    if (folder === this.#folder) return;
    this.#folder = folder;
    this.#shown = undefined;
    this.#asked = { of: null, tokens: false };
    if (this.root.open) this.#ask({});
  }

  /** Opens it, and brings it into view. */
  open(): void {
    this.#shallShow = !this.root.open || this.#isAsking;
    this.root.open = true;
    this.root.scrollIntoView({ block: 'start' });
    this.root.querySelector('summary')!.focus({ preventScroll: true });
  }

  /** Takes over the answer, unless something else was asked for since. */
  receive(shown: ShownWhy): void {
    if (JSON.stringify(shown.asked) !== JSON.stringify(this.#asked)) return;
    this.#isAsking = false;
    // What is known stays when the models cannot be asked.
    if (shown.problem !== '' && shown.asked.tokens && this.#shown !== undefined) {
      this.#asked = { ...this.#asked, tokens: false };
      this.#draw(shown.problem);
      return;
    }
    this.#shown = shown;
    this.#draw(shown.problem);
    if (this.#shallShow) this.root.scrollIntoView({ block: 'start' });
    this.#shallShow = false;
  }

  #ask(change: Partial<WhyAsked>): void {
    this.#asked = { ...this.#asked, ...change };
    this.#isAsking = true;
    this.post({ type: 'get-why', asked: this.#asked });
    this.#draw('');
  }

  #cancel(): void {
    this.post({ type: 'cancel-why' });
    this.#isAsking = false;
    this.#asked = { ...this.#asked, tokens: false };
    this.#draw('');
  }

  #draw(problem: string): void {
    const shown = this.#shown;
    this.#drawControls(shown);
    const { tokens } = this.#asked;
    const waits = tokens
      ? 'Asking the models for every token of some pairs; large models take a while.'
      : 'Reading the record of the pairs.';
    this.#state.classList.toggle('is-busy', this.#isAsking);
    this.#state.classList.toggle('is-problem', problem !== '');
    if (this.#isAsking) this.#state.replaceChildren(createSpinner(), element('span', {}, waits));
    else setText(this.#state, problem !== '' ? problem : (shown?.summary ?? ''));
    // What was found stays while more is asked for.
    this.#answer.hidden = shown === undefined || shown.problem !== '';
    if (shown !== undefined && !this.#isAsking) this.#drawAnswer(shown);
  }

  #drawControls(shown: ShownWhy | undefined): void {
    const controls: HTMLElement[] = [];
    if (shown?.evaluates === true) {
      const onChange = (of: string): void => this.#ask({ of: of as WhyAsked['of'], tokens: false });
      controls.push(createDropdown({ label: 'Which pairs', choices: OF, value: shown.of, onChange }).root);
    }
    if (this.#isAsking && this.#asked.tokens) controls.push(createButton({ label: 'Cancel', onClick: () => this.#cancel() }));
    else if (shown !== undefined && shown.parts.length > 0 && shown.tokens === '') {
      const title = 'Asks the model before training and the trained one for every token of 64 pairs';
      controls.push(createButton({ label: 'Look at Tokens', title, onClick: () => this.#ask({ tokens: true }) }));
    }
    this.#controls.replaceChildren(...controls);
    this.#controls.hidden = controls.length === 0;
  }

  #drawAnswer({ notes, patterns, remedies, parts, tokens, tokenParts }: ShownWhy): void {
    const sections: HTMLElement[] = [element('ul', { class: 'why-notes note' }, ...notes.map((note) => element('li', {}, note)))];
    if (patterns.length > 0) {
      sections.push(
        element('h2', {}, 'What the figures show'),
        element(
          'ol',
          { class: 'why-patterns' },
          ...patterns.map(({ what, known, source }) =>
            element('li', {}, element('p', {}, what), element('p', { class: 'note' }, `${known} (${source})`)),
          ),
        ),
      );
    }
    if (remedies.length > 0) {
      sections.push(
        element('h2', {}, 'What helps, and what it would change in this run'),
        element('ul', { class: 'why-remedies' }, ...remedies.map((remedy) => this.#remedy(remedy))),
      );
    }
    if (parts.length > 0) sections.push(element('h2', {}, 'Where the change comes from'), ...parts.map(partTable));
    if (tokens !== '')
      sections.push(element('h2', {}, 'Token by token'), element('p', { class: 'note' }, tokens), ...tokenParts.map(partTable));
    this.#answer.replaceChildren(...sections);
  }

  #remedy({ name, label, why, source, changes, problem }: ShownRemedy): HTMLElement {
    const duplicate = createButton({ label: 'Duplicate with This…', onClick: () => this.post({ type: 'use-remedy', name }) });
    duplicate.setAttribute('aria-label', `Duplicate with This…: ${label}`);
    return element(
      'li',
      { 'data-name': name },
      element('h3', {}, label),
      element('p', { class: 'note' }, `${why} (${source})`),
      ...(changes.length === 0
        ? []
        : [
            element(
              'dl',
              {},
              ...changes.flatMap(({ option, before, after }) => [
                element('dt', {}, option),
                element('dd', {}, element('code', {}, before), ' → ', element('code', { class: 'after' }, after)),
              ]),
            ),
          ]),
      problem === '' ? duplicate : element('p', { class: 'why-problem' }, `Not in this run: ${problem}.`),
    );
  }
}

/** A table of groups: how far each came, and what of the whole change is theirs. */
function partTable({ title, of, groups }: ShownPart): HTMLElement {
  const isOfPairs = of === 'pairs';
  const heads: readonly (readonly [string, string])[] = [
    [isOfPairs ? 'Pairs' : 'Tokens', ''],
    ['Chosen', `Mean change of the log-probability of a ${isOfPairs ? 'chosen response' : 'token of a chosen response'}, in nats`],
    ['95 %', 'What the mean of all such lies in with 95 %'],
    ...(isOfPairs ? [['A token', 'The same, for each token of the chosen response'] as const] : []),
    ['Rejected', 'Mean change of the rejected side, beside it'],
    ['Of the change', 'What this group adds to the sum of all changes'],
  ];
  const most = Math.max(...groups.map(({ part }) => Math.abs(part)));
  return element(
    'div',
    { class: 'table-scroll why-part', tabindex: '0', role: 'region', 'aria-label': title },
    element(
      'table',
      {},
      element('caption', {}, title),
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          element('th', { scope: 'col' }, 'Group'),
          ...heads.map(([label, help]) => element('th', { scope: 'col', class: 'amount', ...(help === '' ? {} : { title: help }) }, label)),
        ),
      ),
      element('tbody', {}, ...groups.map((group) => groupRow(group, isOfPairs, most))),
    ),
  );
}

function groupRow({ label, n, mean, low, high, perToken, rejected, part }: ShownGroup, isOfPairs: boolean, most: number): HTMLElement {
  const cells = [
    formatCount(n),
    nats(mean),
    low === null || high === null ? '–' : `${nats(low)} to ${nats(high)}`,
    ...(isOfPairs ? [nats(perToken)] : []),
    rejected === null ? '–' : nats(rejected),
  ];
  const bar = element('span', { class: part < 0 ? 'bar against' : 'bar', 'aria-hidden': 'true' });
  bar.style.width = `${most === 0 ? 0 : Math.round((60 * Math.abs(part)) / most)}px`;
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, label),
    ...cells.map((cell) => element('td', { class: 'amount' }, cell)),
    element('td', { class: 'amount part' }, bar, percent(part)),
  );
}

function nats(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '+';
  return `${sign}${size.toFixed(size < 1 ? 3 : size < 100 ? 2 : 1)}`;
}

function percent(part: number): string {
  return part < 0 ? `−${formatPercent(-part)}` : formatPercent(part);
}
