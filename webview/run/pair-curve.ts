import { formatCount, formatMetric } from '../../src/format.js';
import type { ShownCurve, ShownPoint } from '../../src/protocol/run-curve.js';
import { createButton } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

const WIDTH = 720;
const HEIGHT = 180;
/** Room at the left and below for numbers. */
const LEFT = 56;
const BELOW = 22;
const ABOVE = 8;

/** How the margin of one pair went, beside the mean of all that were trained on or evaluated with it. */
export class PairCurve {
  readonly root = element('section', { class: 'pair-curve', 'aria-labelledby': 'pair-curve-title', hidden: '' });
  readonly #title = element('h3', { id: 'pair-curve-title', tabindex: '-1' });
  readonly #text = element('p', { class: 'note' });
  readonly #picture = element('div', { class: 'pair-curve-picture' });
  readonly #values = element('details');

  constructor() {
    const close = createButton({ label: 'Close Curve', onClick: () => (this.root.hidden = true) });
    this.root.append(element('div', { class: 'pair-curve-head' }, this.#title, close), this.#text, this.#picture, this.#values);
  }

  show({ asked, place, points, startsAtZero, problem }: ShownCurve): void {
    this.root.hidden = false;
    setText(this.#title, `Margin of ${place}${asked.nth > 0 ? `, pair ${asked.nth + 1}` : ''}`);
    const known = points.filter((point): point is ShownPoint & { margin: number } => point.margin !== null);
    const all = startsAtZero && known.length > 0 ? [START, ...known] : known;
    this.#picture.hidden = all.length < 2;
    this.#values.hidden = all.length === 0;
    const when = asked.of === 'train' ? 'trained on, before the update of its step' : 'evaluated';
    const last = known.at(-1);
    const once = all.length < 2 ? ' There is no curve of one point.' : '';
    const text =
      last === undefined
        ? 'No margin of it is a number.'
        : `Each time that it was ${when}: ${known.length}, the last after step ${formatCount(last.step)} with ${formatMetric(last.margin)} (all of that step: ${formatMetric(last.around)}).${once}`;
    setText(this.#text, problem !== '' ? problem : text);
    if (all.length >= 2) this.#picture.replaceChildren(drawn(all, this.#text.textContent ?? ''), legend());
    this.#values.replaceChildren(element('summary', {}, 'Values'), valueTable(points));
    this.#title.focus({ preventScroll: true });
  }

  leave(): void {
    this.root.hidden = true;
  }
}

/** Before training, where policy and reference are the same. */
const START = { step: 0, margin: 0, rewardChosen: 0, rewardRejected: 0, around: 0 };

function drawn(points: readonly (ShownPoint & { margin: number })[], words: string): SVGElement {
  const values = points.flatMap(({ margin, around }) => [margin, around ?? 0]);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = (high - low || 1) * 0.06;
  const [first, last] = [points[0]!.step, points.at(-1)!.step];
  const x = (step: number): number => LEFT + ((WIDTH - LEFT - 10) * (step - first)) / Math.max(1, last - first);
  const y = (value: number): number => ABOVE + ((HEIGHT - ABOVE - BELOW) * (high + room - value)) / (high - low + 2 * room || 1);
  const line = (name: string, value: (point: ShownPoint) => number | null): SVGElement =>
    svg('polyline', {
      class: name,
      points: points.flatMap((point) => (value(point) === null ? [] : [`${x(point.step)},${y(value(point)!)}`])).join(' '),
    });
  const label = (text: string, at: { x: number; y: number; anchor: string }): SVGElement => {
    const node = svg('text', { x: at.x, y: at.y, 'text-anchor': at.anchor });
    node.textContent = text;
    return node;
  };
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': words });
  picture.append(
    svg('line', { class: 'zero', x1: LEFT, x2: WIDTH - 10, y1: y(0), y2: y(0) }),
    line('around', ({ around }) => around),
    line('own', ({ margin }) => margin),
    ...points.map(({ step, margin }) => {
      const dot = svg('circle', { class: 'dot', cx: x(step), cy: y(margin), r: 3 });
      const title = svg('title', {});
      title.textContent = `Step ${formatCount(step)}: ${formatMetric(margin)}`;
      dot.append(title);
      return dot;
    }),
    ...[...new Set([low, 0, high])].map((value) => label(formatMetric(value), { x: LEFT - 6, y: y(value) + 4, anchor: 'end' })),
    label(`Step ${formatCount(first)}`, { x: LEFT, y: HEIGHT - 6, anchor: 'start' }),
    label(formatCount(last), { x: WIDTH - 10, y: HEIGHT - 6, anchor: 'end' }),
  );
  return picture;
}

function legend(): HTMLElement {
  const key = (name: string, text: string): HTMLElement => element('span', { class: `key-${name}` }, text);
  return element('p', { class: 'pair-curve-keys' }, key('own', 'This pair'), key('around', 'Mean of all pairs of the step'));
}

function valueTable(points: readonly ShownPoint[]): HTMLElement {
  const heads = ['Step', 'Margin', 'Chosen reward', 'Rejected reward', 'Mean margin'];
  return element(
    'div',
    { class: 'table-scroll', tabindex: '0', role: 'region', 'aria-label': 'Values of the curve' },
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col', class: 'amount' }, head)))),
      element(
        'tbody',
        {},
        ...points.map(({ step, margin, rewardChosen, rewardRejected, around }) =>
          element(
            'tr',
            {},
            element('th', { scope: 'row', class: 'amount' }, formatCount(step)),
            ...[margin, rewardChosen, rewardRejected, around].map((value) => element('td', { class: 'amount' }, formatMetric(value))),
          ),
        ),
      ),
    ),
  );
}

function svg(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}
