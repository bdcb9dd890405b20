import { createDropdown } from './controls.js';
import type { FieldControl } from './field-control.js';
import { createRows } from './rows.js';

type Choices = readonly { readonly value: string; readonly label: string }[];

/** One loss or several. Its value is the losses' names with commas between. */
export function createLosses(choices: Choices, begin: string, onChange: (value: string) => void): FieldControl {
  return createRows(begin, {
    className: 'losses',
    rowClass: 'loss-row',
    label: 'Loss',
    addLabel: 'Add Loss',
    addTitle: 'Train the sum of several losses',
    added: (chosen) => choices.find(({ value }) => !chosen.includes(value))?.value,
    control: (label, value, onRow) => createDropdown({ label, choices, value, onChange: onRow }),
    removeName: (loss) => `Remove ${loss}`,
    parse: (text) => text.split(',').map((name) => name.trim()),
    join: (losses) => losses.join(', '),
    onChange,
  });
}
