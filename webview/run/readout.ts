import { element, setText } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import type { Line } from './line.js';
import { swatch } from './swatch.js';

/** More rows than that hide the picture. */
const MOST_ROWS = 10;
const GAP = 8;

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
}

/** A small box beside the crosshair: which place it marks and, with several runs, what each is there. */
export class Readout {
  readonly root = element('div', { class: 'readout', 'aria-hidden': 'true', hidden: '' });
  readonly #place = element('div', { class: 'place' });
  readonly #rows = element('div', { class: 'rows' });
  #theme: Theme | undefined;

  constructor() {
    this.root.append(this.#place, this.#rows);
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
  }

  hide(): void {
    this.root.hidden = true;
  }

  /** @param at where the crosshair is within the plot, and the drawn area, in pixels */
  show(
    place: string,
    rows: readonly { readonly line: Line; readonly text: string }[],
    { left, chartArea }: { readonly left: number; readonly chartArea: Area },
  ): void {
    setText(this.#place, place);
    const theme = this.#theme;
    if (theme !== undefined) {
      this.#rows.replaceChildren(
        ...rows.slice(0, MOST_ROWS).map(({ line, text }) =>
          element(
            'div',
            {},
            swatch(line.color(theme), line.dash(theme), line.isEval),
            element('span', { class: 'label' }, line.label),
            element('span', { class: 'value' }, text),
          ),
        ),
        ...(rows.length > MOST_ROWS ? [element('div', { class: 'more' }, `and ${rows.length - MOST_ROWS} more`)] : []),
      );
    }
    this.root.hidden = false;
    // On the side with more room, so that it hides nothing that is looked at.
    const isLeft = left > (chartArea.left + chartArea.right) / 2;
    this.root.style.top = `${chartArea.top}px`;
    this.root.style.left = isLeft ? 'auto' : `${left + GAP}px`;
    this.root.style.right = isLeft ? `calc(100% - ${left - GAP}px)` : 'auto';
  }
}
