import { formatCount } from '../../src/format.js';
import type { PlanHeader } from '../../src/protocol/plan.js';
import { lastAtMost } from '../../src/core/mask/index.js';
import { createButton, createCheckbox, createDropdown, createNumberField, labelled, setDisabled } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

const SHOWN_SIDES = ['both', 'shared', 'naive'] as const;
export type ShownSides = (typeof SHOWN_SIDES)[number];

export interface ToolbarActions {
  /** A bin of the plan, from 0. */
  readonly showBin: (bin: number) => void;
  /** The bin of a row of the dataset, from 0. */
  readonly findRow: (row: number) => void;
  readonly showSides: (sides: ShownSides) => void;
  readonly showTiles: (shown: boolean) => void;
  readonly zoom: (factor: number) => void;
  readonly fit: () => void;
}

const SIDE_NAMES: Readonly<Record<ShownSides, string>> = { both: 'Side by side', shared: 'Shared', naive: 'Naive' };

/** Which bin is shown, and how. */
export class MaskToolbar {
  readonly root: HTMLElement;
  readonly #step;
  readonly #bin;
  readonly #steps = element('span', { class: 'of' });
  readonly #bins = element('span', { class: 'of' });
  readonly #before: HTMLElement;
  readonly #after: HTMLElement;
  #stepStart: Int32Array = Int32Array.of(0, 1);
  #shown = 0;

  constructor(actions: ToolbarActions) {
    this.#step = createNumberField({
      label: 'Optimizer step',
      min: 1,
      onChange: (step) => actions.showBin(this.#stepStart[step - 1]!),
    });
    this.#bin = createNumberField({
      label: 'Bin of the step',
      min: 1,
      onChange: (bin) => actions.showBin(this.#stepStart[this.#stepAt()]! + bin - 1),
    });
    const row = createNumberField({
      label: 'Row of the dataset',
      title: 'Show the bin that holds a row of the dataset',
      min: 1,
      onChange: (number) => actions.findRow(number - 1),
    });
    row.root.placeholder = 'row';
    const turn = (by: -1 | 1): void => this.turn(by, actions.showBin);
    this.#before = labelled('‹', 'Previous bin (,)', () => turn(-1));
    this.#after = labelled('›', 'Next bin (.)', () => turn(1));
    const sides = createDropdown({
      label: 'Masks shown',
      choices: SHOWN_SIDES.map((value) => ({ value, label: SIDE_NAMES[value] })),
      value: 'both',
      onChange: (value) => actions.showSides(SHOWN_SIDES.find((known) => known === value) ?? 'both'),
    });
    const tiles = createCheckbox({ label: 'Tiles', checked: true, onChange: actions.showTiles });
    tiles.title = 'The 128 × 128 tiles that attention is computed in';
    const field = (label: string, ...parts: HTMLElement[]): HTMLElement =>
      element('div', { class: 'field' }, element('span', { 'aria-hidden': 'true' }, label), ...parts);
    this.root = element(
      'div',
      { class: 'view-toolbar', role: 'toolbar', 'aria-label': 'Bin and view' },
      field('Step', this.#step.root, this.#steps),
      field('Bin', this.#bin.root, this.#bins),
      element('div', { class: 'actions' }, this.#before, this.#after),
      field('Bin of row', row.root),
      sides.root,
      tiles,
      element(
        'div',
        { class: 'actions' },
        labelled('+', 'Zoom in (+)', () => actions.zoom(2)),
        labelled('−', 'Zoom out (−)', () => actions.zoom(0.5)),
        createButton({ label: 'Fit', title: 'Show everything (0)', onClick: actions.fit }),
      ),
    );
  }

  setPlan({ stepStart }: PlanHeader): void {
    this.#stepStart = stepStart;
    this.#step.setMax(stepStart.length - 1);
    setText(this.#steps, `of ${formatCount(stepStart.length - 1)}`);
  }

  setBin(bin: number): void {
    this.#shown = bin;
    const step = this.#stepAt();
    const bins = this.#stepStart[step + 1]! - this.#stepStart[step]!;
    this.#step.setValue(step + 1);
    this.#bin.setMax(bins);
    this.#bin.setValue(bin - this.#stepStart[step]! + 1);
    setText(this.#bins, `of ${formatCount(bins)}`);
    setDisabled(this.#before, bin === 0);
    setDisabled(this.#after, bin + 1 >= this.#stepStart.at(-1)!);
  }

  /** To the bin before or after, over the borders of steps. */
  turn(by: -1 | 1, show: (bin: number) => void): void {
    const bin = this.#shown + by;
    if (bin >= 0 && bin < this.#stepStart.at(-1)!) show(bin);
  }

  #stepAt(): number {
    return lastAtMost(this.#stepStart, this.#shown);
  }
}
