// Times between frames while a table is scrolled, for benchmarks of tables in the window.

/**
 * Runs in the page: scrolls the table up and down and returns the milliseconds between frames.
 *
 * @param step pixels a frame; below 1, a fraction of the whole length
 */
export function scrolling([frames, step]) {
  const grid = document.querySelector('.grid');
  return new Promise((resolve) => {
    const intervals = [];
    let last;
    let count = 0;
    let direction = 1;
    requestAnimationFrame(function frame(now) {
      if (last !== undefined) intervals.push(now - last);
      last = now;
      if (count++ === frames) {
        resolve(intervals);
        return;
      }
      const before = grid.scrollTop;
      grid.scrollTop += direction * (step < 1 ? step * grid.scrollHeight : step);
      if (grid.scrollTop === before) direction = -direction;
      requestAnimationFrame(frame);
    });
  });
}

export function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (fraction) => sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))];
  return { median: at(0.5), p95: at(0.95), p99: at(0.99), longest: at(1) };
}
