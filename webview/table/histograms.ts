import type { ColumnHistogram, Unit } from '../../src/core/dataset-table/index.js';
import { formatCount, plural } from '../../src/format.js';
import { element } from '../ui/dom.js';
import { margin, signed, UNIT_WORDS } from './words.js';

/** How often values of a column occur, as bars above its head. A bar filters by what it stands for. */
export function histogramOf(
  { column, from, width, counts, known, least, median, most95, most }: ColumnHistogram,
  label: string,
  unit: Unit,
  onChoose: (terms: string) => void,
): HTMLElement {
  const highest = Math.max(...counts);
  const isReal = column === 'margin' || column === 'margin_start' || column === 'margin_change';
  const isOfRun = isReal || column === 'seen';
  const number = isReal ? margin : column === 'difference' ? signed : formatCount;
  // Bounds as a person would write them.
  const bound = (value: number): number => Number(value.toPrecision(6));
  const words = `${label} of ${plural(known, 'pair')}${isOfRun ? '' : ` in ${UNIT_WORDS[unit]}`}: median ${number(median)}, 95 % up to ${number(most95)}, ${number(least)} to ${number(most)}`;
  const bars = counts.map((count, at) => {
    const bar = element('span', { class: 'bar' });
    const begin = bound(from + at * width);
    const end = bound(from + (at + 1) * width);
    const isFirst = at === 0;
    const isLast = at === counts.length - 1;
    bar.title = `${isFirst && least < from ? 'up to ' : ''}${number(begin)}${isLast ? ' and more' : isReal ? ` to ${number(end)}` : width === 1 ? '' : ` to ${number(end - 1)}`}: ${plural(count, 'pair')}`;
    const fill = element('span', { class: 'fill' });
    fill.style.height = count === 0 ? '0' : `${Math.max(4, (100 * count) / highest)}%`;
    bar.append(fill);
    bar.addEventListener('click', () => {
      const terms = [...(isFirst ? [] : [`${column}>=${begin}`]), ...(isLast ? [] : [`${column}<${end}`])];
      onChoose(terms.join(' '));
    });
    return bar;
  });
  return element('div', { class: 'histogram', role: 'img', 'aria-label': words, title: words }, ...bars);
}
