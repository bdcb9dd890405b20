import { formatPercent } from '../../src/format.js';
import type { PredictedTime, RunStatus, TimeStatus } from '../../src/protocol/run.js';
import { element, setText } from '../ui/dom.js';
import { predictedText, secondsText, TIME_WORDS, timeNote, timeSummary } from './words.js';

/** Where the time of a run goes: one bar, a part for each phase, and what each took. */
export class TimeBar {
  readonly #heading = element('h2');
  readonly #summary = element('span', { class: 'summary' });
  readonly #bar = element('div', { class: 'spent-bar', role: 'img' });
  readonly #keys = element('ul', { class: 'spent-keys' });
  readonly #note = element('p', { class: 'note' });
  readonly #predicted = element('p', { class: 'note predicted' });
  readonly root = element(
    'section',
    { class: 'spent', 'aria-label': 'Where the time goes' },
    element('div', { class: 'spent-head' }, this.#heading, this.#summary),
    this.#bar,
    this.#keys,
    this.#predicted,
    this.#note,
  );
  /** What is shown, as text, so that it is rebuilt only when it changes. */
  #shown = '';

  draw({ time, end }: RunStatus, predicted: PredictedTime | null): void {
    const total = time?.parts.reduce((sum, { seconds }) => sum + seconds, 0) ?? 0;
    this.root.hidden = time === null || !(total > 0);
    if (time === null || this.root.hidden) return;
    const shown = JSON.stringify([time, end === null, predicted]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    setText(this.#heading, end === null ? 'Where the time goes' : 'Where the time went');
    setText(this.#summary, timeSummary(time));
    setText(this.#note, timeNote(time, end === null));
    this.#note.hidden = this.#note.textContent === '';
    setText(this.#predicted, predicted === null ? '' : predictedText(predicted));
    this.#predicted.hidden = predicted === null;
    this.#bar.setAttribute('aria-label', time.parts.map((part) => partText(part, total)).join(', '));
    this.#bar.replaceChildren(
      ...time.parts.map((part) => {
        const piece = element('div', { 'data-phase': part.phase, title: partText(part, total) });
        piece.style.flexGrow = String(part.seconds / total);
        return piece;
      }),
    );
    this.#keys.replaceChildren(
      ...time.parts.map(({ phase, seconds }) =>
        element(
          'li',
          {},
          element('span', { class: 'dot', 'data-phase': phase, 'aria-hidden': 'true' }),
          `${TIME_WORDS[phase]} `,
          element('span', { class: 'value' }, `${secondsText(seconds)}, ${formatPercent(seconds / total)}`),
        ),
      ),
    );
  }
}

function partText({ phase, seconds }: TimeStatus['parts'][number], total: number): string {
  return `${TIME_WORDS[phase]} ${secondsText(seconds)} (${formatPercent(seconds / total)})`;
}
