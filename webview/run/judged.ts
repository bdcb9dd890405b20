import './judged.css';

import { formatCount, formatPercent } from '../../src/format.js';
import type { RunPageMessage, RunStatus } from '../../src/protocol/run.js';
import type { JudgedAsked, JudgedOutcome, ShownComparison, ShownJudged, ShownRate, ShownVerdict } from '../../src/protocol/run-judged.js';
import { createButton, createDropdown, createSpinner } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

const OUTCOMES: Readonly<Record<JudgedOutcome, string>> = {
  win: 'Won',
  loss: 'Lost',
  tie: 'Tied',
  unread: 'Unreadable',
  open: 'Not judged',
};
type Filter = JudgedOutcome | 'all';

const WAITS = 'Reading what was judged.';
const NOTHING = 'No completions of this run were judged yet.';
const NOT_YET = 'Completions can be judged once the run has finished.';

/** Whose completions are better: win rates of a run beside others, and every verdict. */
export class Judged {
  readonly root: HTMLDetailsElement;
  readonly #controls = element('div', { class: 'judged-controls' });
  readonly #state = element('p', { class: 'judged-state', role: 'status' });
  readonly #answer = element('div', { class: 'judged-answer' });
  readonly #judge: HTMLElement;
  #asked: JudgedAsked = { id: null };
  #shown: ShownJudged | undefined;
  #filter: Filter = 'all';
  #isAsking = false;
  #mayJudge = false;
  #folder = '';
  /** It is brought into view once the answer is there. */
  #shallShow = false;

  constructor(readonly post: (message: RunPageMessage) => void) {
    this.#judge = createButton({
      label: 'Judge Completions…',
      title: 'Have the trained model and another side complete held-out prompts, and both texts judged',
      onClick: () => post({ type: 'judge' }),
    });
    this.root = element('details', { class: 'judged' }, element('summary', {}, 'Win rates'), this.#controls, this.#state, this.#answer);
    this.root.addEventListener('toggle', () => {
      if (this.root.open && !this.#isAsking) this.#ask(this.#asked.id);
    });
  }

  /** Takes over whose completions they are. */
  show(folder: string): void {
    if (folder === this.#folder) return;
    this.#folder = folder;
    this.#shown = undefined;
    this.#filter = 'all';
    this.#asked = { id: null };
    if (this.root.open) this.#ask(null);
  }

  /** Takes over whether more can be judged. */
  draw({ state, mayAct }: RunStatus): void {
    const mayJudge = state === 'finished' && mayAct;
    if (mayJudge === this.#mayJudge) return;
    this.#mayJudge = mayJudge;
    if (this.root.open) this.#draw();
  }

  /** Opens it with a comparison, and brings it into view. */
  open(id: string): void {
    this.#shallShow = true;
    this.#filter = 'all';
    this.#ask(id);
    this.root.open = true;
    this.root.scrollIntoView({ block: 'start' });
    this.root.querySelector('summary')!.focus({ preventScroll: true });
  }

  /** Takes over the answer, unless something else was asked for since. */
  receive(shown: ShownJudged): void {
    if (shown.asked.id !== this.#asked.id) return;
    this.#isAsking = false;
    this.#shown = shown;
    this.#draw();
    if (this.#shallShow) this.root.scrollIntoView({ block: 'start' });
    this.#shallShow = false;
  }

  #ask(id: string | null): void {
    this.#asked = { id };
    this.#isAsking = true;
    this.post({ type: 'get-judged', asked: this.#asked });
    this.#draw();
  }

  #draw(): void {
    const known = this.#shown;
    const shown = known?.shown ?? null;
    this.#drawControls(known);
    this.#state.classList.toggle('is-busy', this.#isAsking);
    if (this.#isAsking) this.#state.replaceChildren(createSpinner(), element('span', {}, WAITS));
    else if (known !== undefined && known.problem !== '') setText(this.#state, known.problem);
    else setText(this.#state, shown?.verdict ?? (this.#mayJudge ? NOTHING : `${NOTHING} ${NOT_YET}`));
    this.#state.classList.toggle('is-verdict', !this.#isAsking && shown !== null);
    this.#answer.hidden = shown === null;
    if (shown !== null && !this.#isAsking) this.#drawAnswer(shown);
  }

  #drawControls(known: ShownJudged | undefined): void {
    const controls: HTMLElement[] = [];
    if (known !== undefined && known.comparisons.length > 1) {
      const choices = known.comparisons.map(({ id, label }) => ({ value: id, label }));
      const onChange = (id: string): void => {
        this.#filter = 'all';
        this.#ask(id);
      };
      controls.push(createDropdown({ label: 'Comparison', choices, value: known.shown?.id ?? '', onChange }).root);
    }
    if (this.#mayJudge) controls.push(this.#judge);
    this.#controls.replaceChildren(...controls);
    this.#controls.hidden = controls.length === 0;
  }

  #drawAnswer(shown: ShownComparison): void {
    const { note, rates, figures } = shown;
    this.#answer.replaceChildren(
      element('p', { class: 'note' }, note),
      ...(rates.length === 0 ? [] : [element('div', { class: 'judged-rates' }, ...rates.map(rateRow))]),
      element(
        'dl',
        { class: 'judged-figures' },
        ...figures.map(({ label, help, value }) => element('div', { title: help }, element('dt', {}, label), element('dd', {}, value))),
      ),
      element('h2', {}, 'Verdicts'),
      this.#verdicts(shown),
    );
  }

  #verdicts(shown: ShownComparison): HTMLElement {
    const { verdicts, more } = shown;
    const root = element('div', { class: 'judged-verdicts' });
    const count = (outcome: JudgedOutcome): number => verdicts.filter((each) => each.outcome === outcome).length;
    const there = (Object.keys(OUTCOMES) as JudgedOutcome[]).filter((outcome) => count(outcome) > 0);
    const choices = [
      { value: 'all', label: `All ${formatCount(verdicts.length)}` },
      ...there.map((outcome) => ({ value: outcome, label: `${OUTCOMES[outcome]} ${formatCount(count(outcome))}` })),
    ];
    const list = element('ul', { class: 'judged-list' });
    const drawList = (): void => {
      const chosen = verdicts.filter(({ outcome }) => this.#filter === 'all' || outcome === this.#filter);
      list.replaceChildren(...chosen.map((each) => element('li', {}, verdict(each, shown))));
    };
    const onChange = (value: string): void => {
      this.#filter = value as Filter;
      drawList();
    };
    drawList();
    root.append(createDropdown({ label: 'Which verdicts', choices, value: this.#filter, onChange }).root, list);
    if (more > 0)
      root.append(element('p', { class: 'note' }, `${formatCount(more)} more are in the run’s folder: wishbone judge --show --verdicts.`));
    return root;
  }
}

/** A rate with its interval, as text and on a scale from 0 to 1 with a mark at one half. */
function rateRow({ label, help, rate, low, high }: ShownRate): HTMLElement {
  const range = element('span', { class: 'range' });
  range.style.left = `${100 * low}%`;
  range.style.width = `${100 * (high - low)}%`;
  const point = element('span', { class: 'point' });
  point.style.left = `${100 * rate}%`;
  const scale = element('span', { class: 'scale', 'aria-hidden': 'true' }, element('span', { class: 'half' }), range, point);
  return element(
    'div',
    { class: 'judged-rate', title: help },
    element('span', { class: 'name' }, label),
    element('span', { class: 'value' }, percent(rate)),
    scale,
    element('span', { class: 'interval' }, `95 %: ${percent(low)} to ${percent(high)}`),
  );
}

const percent = (share: number): string => formatPercent(share);

/** A prompt in one line; what was written and said comes when it is opened. */
function verdict(each: ShownVerdict, names: Pick<ShownComparison, 'first' | 'second'>): HTMLElement {
  const { outcome, prompt } = each;
  const badge = element('span', { class: `judged-outcome is-${outcome}` }, OUTCOMES[outcome]);
  const root = element(
    'details',
    { 'data-outcome': outcome },
    element('summary', {}, badge, ' ', element('span', { class: 'judged-line' }, lastLine(prompt))),
  );
  root.addEventListener(
    'toggle',
    () => {
      root.append(...texts(each, names));
      // What is answered stands at its end.
      const pre = root.querySelector('pre')!;
      pre.scrollTop = pre.scrollHeight;
    },
    { once: true },
  );
  return root;
}

function texts({ prompt, first, second, said }: ShownVerdict, names: Pick<ShownComparison, 'first' | 'second'>): HTMLElement[] {
  return [
    block('Prompt', prompt),
    element('div', { class: 'judged-texts' }, block(names.first, first), block(names.second, second)),
    ...(said.length === 0 ? [] : [element('div', { class: 'judged-texts' }, ...said.map(({ title, words }) => block(title, words)))]),
  ];
}

function block(name: string, text: string): HTMLElement {
  const shown = text.trim() === '' ? '(empty)' : text;
  const body = element('pre', { tabindex: '0', role: 'region', 'aria-label': name }, shown);
  return element('div', { class: 'sample' }, element('h3', {}, name), body);
}

/** What was asked for last; a chat template's own words often stand alone at the end. */
function lastLine(prompt: string): string {
  const bare = prompt.replace(/<\|?[^<>\s]{1,40}\|?>/g, '\n');
  const lines = bare.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^(?:user|assistant|system|model)$/i.test(line)).at(-1) ?? prompt.trim();
}
