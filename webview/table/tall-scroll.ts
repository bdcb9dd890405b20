/** Browsers make no element taller than about 33 million pixels, some half of that. */
const TALLEST = 8_000_000;
/** At both ends, so many pixels of the scroll bar's way are so many of the content. */
const EXACT = 1_000_000;

/**
 * Where a content is that may be taller than an element can be. Near both ends a pixel of the element is one of the content; in
 * between a step of the wheel is still that, while the bar's way stands for more.
 */
export class TallScroll {
  #height = 0;
  #view = 0;
  /** What is at the top of the view, in pixels of the content, and the element's own place then. */
  #top = 0;
  #place = 0;

  /** Height of the element. */
  get elementHeight(): number {
    return Math.min(this.#height, TALLEST);
  }

  /** Pixels of the content at the top of the view. */
  get top(): number {
    return this.#top;
  }

  /** What to add to a place in the content for its place in the element, as it stands now. */
  get shift(): number {
    return this.#place - this.#top;
  }

  /** @param height of the content @param view height of what is seen of it */
  resize(height: number, view: number): void {
    this.#height = height;
    this.#view = view;
    this.#top = Math.max(0, Math.min(this.#top, height - view));
    this.#place = this.#placeOf(this.#top);
  }

  /** The element was scrolled. */
  moved(place: number): void {
    const step = place - this.#place;
    const most = Math.max(0, this.#height - this.#view);
    const isEnd = place <= 0 || place >= this.elementHeight - this.#view;
    // Steps of wheel and keys; whoever drags the bar goes further.
    const isStep = Math.abs(step) < 4 * this.#view && !isEnd;
    this.#top = Math.max(0, Math.min(most, isStep ? this.#top + step : this.#contentAt(place)));
    this.#place = place;
  }

  /** Scrolling has come to rest. @returns the place that the element should have */
  rested(): number {
    this.#place = this.#placeOf(this.#top);
    return this.#place;
  }

  /** Goes to a place in the content. @returns the place that the element should have */
  goTo(top: number): number {
    this.#top = Math.max(0, Math.min(top, this.#height - this.#view));
    return this.rested();
  }

  #contentAt(place: number): number {
    if (this.#height <= TALLEST || place <= EXACT) return place;
    if (place >= TALLEST - EXACT) return this.#height - (TALLEST - place);
    return EXACT + (place - EXACT) * this.#ratio;
  }

  #placeOf(top: number): number {
    if (this.#height <= TALLEST || top <= EXACT) return top;
    if (top >= this.#height - EXACT) return TALLEST - (this.#height - top);
    return EXACT + (top - EXACT) / this.#ratio;
  }

  get #ratio(): number {
    return (this.#height - 2 * EXACT) / (TALLEST - 2 * EXACT);
  }
}
