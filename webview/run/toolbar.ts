import type { RunPageRequest } from '../../src/protocol/run.js';
import { createButton, createCheckbox, createDropdown, setDisabled } from '../ui/controls.js';
import { element } from '../ui/dom.js';
import type { BoardSettings, ChartBoard } from './board.js';
import { AXES, type Axis } from './series.js';

const AXIS_NAMES: Readonly<Record<Axis, string>> = { step: 'Steps', time: 'Training time', tokens: 'Tokens' };
const WINDOWS = [1, 5, 10, 25, 50, 100, 250, 500, 1000] as const;

/** What can be set for all charts together. */
export class ChartToolbar {
  readonly root: HTMLElement;
  readonly #reset: HTMLElement;

  constructor(board: ChartBoard, ask: (request: RunPageRequest) => void, saveImage: () => void) {
    const set = (change: Partial<BoardSettings>): void => {
      board.settings = { ...board.settings, ...change };
    };
    const axis = createDropdown({
      label: 'Horizontal axis',
      choices: AXES.map((value) => ({ value, label: AXIS_NAMES[value] })),
      value: board.settings.axis,
      onChange: (value) => set({ axis: AXES.find((known) => known === value) ?? 'step' }),
    });
    const smoothing = createDropdown({
      label: 'Smoothing',
      choices: [
        { value: 'auto', label: 'Automatic' },
        ...WINDOWS.map((window) => ({ value: String(window), label: window === 1 ? 'Off' : `${window} steps` })),
      ],
      value: String(board.settings.smoothing),
      onChange: (value) => set({ smoothing: value === 'auto' ? 'auto' : Number(value) }),
    });
    const logarithmic = createCheckbox({
      label: 'Logarithmic',
      checked: board.settings.logarithmic,
      onChange: (checked) => set({ logarithmic: checked }),
    });
    logarithmic.title = 'Loss, gradient norm, learning rate and speed on a logarithmic axis';
    this.#reset = createButton({
      label: 'Show All',
      title: 'Zoom out to the whole run (0, or double-click a chart)',
      onClick: () => board.reset(),
    });
    this.root = element(
      'div',
      { class: 'chart-toolbar', role: 'toolbar', 'aria-label': 'Charts' },
      element('div', { class: 'field' }, element('span', { 'aria-hidden': 'true' }, 'Axis'), axis.root),
      element('div', { class: 'field' }, element('span', { 'aria-hidden': 'true' }, 'Smoothing'), smoothing.root),
      logarithmic,
      element(
        'div',
        { class: 'actions zoom' },
        createButton({ label: '+', title: 'Zoom in (+, or Ctrl and the wheel)', onClick: () => board.zoom(2) }),
        createButton({ label: '−', title: 'Zoom out (−)', onClick: () => board.zoom(0.5) }),
        this.#reset,
      ),
      element(
        'div',
        { class: 'actions end' },
        createButton({ label: 'Compare…', title: 'Add another run to these charts', onClick: () => ask('add-run') }),
        createButton({ label: 'Save PNG…', title: 'Save the charts as a picture', onClick: saveImage }),
        createButton({ label: 'Save CSV…', title: 'Save all values of every step', onClick: () => ask('save-csv') }),
      ),
    );
    for (const [button, label] of [
      ['+', 'Zoom in'],
      ['−', 'Zoom out'],
    ]) {
      [...this.root.querySelectorAll('vscode-button')]
        .find(({ textContent }) => textContent === button)
        ?.setAttribute('aria-label', label!);
    }
  }

  setZoomed(zoomed: boolean): void {
    setDisabled(this.#reset, !zoomed);
  }
}
