import { element } from '../ui/dom.js';
import type { ChartBoard } from './board.js';
import type { RunChart } from './chart.js';

/** How much one notch of a wheel, or one press of a key, zooms and pans. */
const ZOOM_STEP = 1.4;
const PAN_STEP = 0.1;
/** A drag shorter than this is a click. */
const LEAST_DRAG = 5;
/** A click is one once no second one has followed for so long. */
const DOUBLE_CLICK_MILLISECONDS = 300;

/**
 * What pointer and keys do on a chart: moving marks a place, dragging zooms to a stretch, dragging with Shift moves
 * along, Ctrl with the wheel zooms, a double click shows everything, a click the pairs of a step. Keys: arrows, Shift with arrows, +, −, 0, P.
 */
export function attachGestures(chart: RunChart, board: ChartBoard): void {
  const { plot } = chart;
  const selection = element('div', { class: 'selection', hidden: '' });
  plot.append(selection);
  let click: number | undefined;
  let drag: { readonly startX: number; readonly from: number; lastX: number; readonly pans: boolean } | undefined;

  plot.addEventListener('pointermove', (event) => {
    if (drag === undefined) {
      board.mark(chart.placeOf(event.clientX).x, chart);
    } else if (drag.pans) {
      board.pan((drag.lastX - event.clientX) / chart.width, chart);
      drag.lastX = event.clientX;
    } else {
      const left = plot.getBoundingClientRect().left;
      const [a, b] = [drag.startX - left, event.clientX - left].sort((p, q) => p - q) as [number, number];
      selection.hidden = b - a < LEAST_DRAG;
      selection.style.left = `${a}px`;
      selection.style.width = `${b - a}px`;
    }
  });
  plot.addEventListener('pointerleave', () => {
    if (drag === undefined) board.mark(undefined);
  });
  plot.addEventListener('pointerdown', (event) => {
    if (event.button > 1) return;
    plot.setPointerCapture(event.pointerId);
    drag = {
      startX: event.clientX,
      from: chart.placeOf(event.clientX).x,
      lastX: event.clientX,
      pans: event.shiftKey || event.button === 1,
    };
  });
  plot.addEventListener('pointerup', (event) => {
    if (drag !== undefined && !drag.pans && Math.abs(event.clientX - drag.startX) >= LEAST_DRAG) {
      board.zoomTo([drag.from, chart.placeOf(event.clientX).x]);
    } else if (drag !== undefined && !drag.pans && event.button === 0) {
      const { x } = chart.placeOf(event.clientX);
      window.clearTimeout(click);
      click = window.setTimeout(() => board.pick(x), DOUBLE_CLICK_MILLISECONDS);
    }
    drag = undefined;
    selection.hidden = true;
  });
  plot.addEventListener('pointercancel', () => {
    drag = undefined;
    selection.hidden = true;
  });
  plot.addEventListener('dblclick', () => {
    window.clearTimeout(click);
    board.reset();
  });
  plot.addEventListener(
    'wheel',
    (event) => {
      const along = event.shiftKey ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        board.zoom(ZOOM_STEP ** -Math.sign(event.deltaY), chart.placeOf(event.clientX).x);
      } else if (Math.abs(along) > Math.abs(event.shiftKey ? 0 : event.deltaY) && board.viewport.zoomed !== undefined) {
        board.pan(along / chart.width, chart);
      } else {
        // The page scrolls.
        return;
      }
      event.preventDefault();
    },
    { passive: false },
  );
  plot.addEventListener('keydown', (event) => {
    if (!pressed(event, chart, board)) return;
    event.preventDefault();
    event.stopPropagation();
  });
  plot.addEventListener('blur', () => board.mark(undefined));
}

/** Does what a key is for; false when it is for nothing here. */
function pressed(event: KeyboardEvent, chart: RunChart, board: ChartBoard): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  switch (event.key) {
    case 'ArrowLeft':
    case 'ArrowRight': {
      const sign = event.key === 'ArrowLeft' ? -1 : 1;
      if (event.shiftKey) board.pan(sign * PAN_STEP, chart);
      else board.step(chart, sign);
      return true;
    }
    case '+':
    case '=':
      board.zoom(ZOOM_STEP);
      return true;
    case '-':
    case '−':
      board.zoom(1 / ZOOM_STEP);
      return true;
    case '0':
      board.reset();
      return true;
    case 'Escape':
      if (board.crosshair !== undefined) board.mark(undefined);
      else if (board.large !== undefined) board.enlarge(undefined);
      else return false;
      return true;
    case 'p':
      board.pick(board.crosshair);
      return true;
    case 'Enter':
      board.enlarge(chart.isLarge ? undefined : chart);
      return true;
    default:
      return false;
  }
}
