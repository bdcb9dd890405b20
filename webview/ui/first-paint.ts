let marked = false;

/**
 * Notes when the page has first shown what it is for, as the performance mark `first-picture`: `npm run bench:views` reads
 * it. To be called when that has been put in place.
 */
export function markFirstPaint(): void {
  if (marked) return;
  marked = true;
  // The first frame draws; when the second begins, that is on the screen.
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('first-picture')));
}
