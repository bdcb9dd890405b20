/** A stretch of the horizontal axis. */
export type Stretch = readonly [min: number, max: number];

/** So narrow a view shows a handful of points: nothing to be seen by going closer. */
const NARROWEST_PART = 1e-5;

/**
 * The part of the horizontal axis that all charts show. Undefined `zoomed` is everything there is, also what is still to
 * come.
 */
export interface Viewport {
  readonly full: Stretch;
  readonly zoomed: Stretch | undefined;
}

export function shownStretch({ full, zoomed }: Viewport): Stretch {
  return zoomed ?? full;
}

/** Closer by a factor above 1, farther by one below, leaving `anchor` where it is. */
export function zoomAt(viewport: Viewport, anchor: number, factor: number): Viewport {
  const [min, max] = shownStretch(viewport);
  const at = Math.min(max, Math.max(min, anchor));
  return zoomTo(viewport, [at - (at - min) / factor, at + (max - at) / factor]);
}

/** Shows exactly this, as far as there is something; everything when it is as wide as that. */
export function zoomTo({ full }: Viewport, wanted: Stretch): Viewport {
  const [fullMin, fullMax] = full;
  const whole = fullMax - fullMin;
  const [from, to] = wanted[0] <= wanted[1] ? wanted : [wanted[1], wanted[0]];
  const width = Math.max(to - from, whole * NARROWEST_PART);
  if (!(width < whole * 0.999)) return { full, zoomed: undefined };
  const min = Math.min(Math.max((from + to - width) / 2, fullMin), fullMax - width);
  return { full, zoomed: [min, min + width] };
}

/** Moves the view by a part of its width, to the right when positive; stays within what there is. */
export function panBy(viewport: Viewport, part: number): Viewport {
  if (viewport.zoomed === undefined) return viewport;
  const [min, max] = viewport.zoomed;
  const [fullMin, fullMax] = viewport.full;
  const width = max - min;
  const moved = Math.min(Math.max(min + part * width, fullMin), fullMax - width);
  return { full: viewport.full, zoomed: [moved, moved + width] };
}

/** With other ends of the whole: what was zoomed to stays, if it is still there. */
export function withFull(viewport: Viewport, full: Stretch): Viewport {
  return viewport.zoomed === undefined ? { full, zoomed: undefined } : zoomTo({ full, zoomed: undefined }, viewport.zoomed);
}
