import { element, setText } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import type { Line } from './line.js';
import { swatch } from './swatch.js';

/** More rows than that hide the picture. */
const MOST_ROWS = 10;
const GAP = 8;

export interface ReadoutRows {
  /** What the values of a row are of, where they are several. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly line: Line; readonly texts: readonly string[] }[];
}

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
}

/** A small box beside the crosshair: which place it marks and, with several runs, what each is there. */
export class Readout {
  readonly root = element('div', { class: 'readout', 'aria-hidden': 'true', hidden: '' });
  readonly #place = element('div', { class: 'place' });
  readonly #rows = element('table', { class: 'rows' });
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
  show(place: string, { columns, rows }: ReadoutRows, { left, chartArea }: { readonly left: number; readonly chartArea: Area }): void {
    setText(this.#place, place);
    const theme = this.#theme;
    if (theme !== undefined) {
      const cells = (texts: readonly string[]): HTMLElement[] => texts.map((text) => element('td', {}, text));
      this.#rows.replaceChildren(
        ...(columns.length === 0 ? [] : [element('tr', {}, element('td'), element('td'), ...cells(columns))]),
        ...rows
          .slice(0, MOST_ROWS)
          .map(({ line, texts }) =>
            element(
              'tr',
              {},
              element('td', {}, swatch(line.color(theme), line.dash(theme))),
              element('th', {}, line.run.name),
              ...cells(texts),
            ),
          ),
        ...(rows.length > MOST_ROWS ? [element('tr', {}, element('td'), element('th', {}, `and ${rows.length - MOST_ROWS} more`))] : []),
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
