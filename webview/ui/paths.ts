import { createChooser, createTextField } from './controls.js';
import type { FieldActions, FieldControl } from './field-control.js';
import { createRows } from './rows.js';

/** One path or several, each with a way to choose it. Its value is the paths, one a line. */
export function createPaths(label: string, begin: string, { onChange, onChoose }: FieldActions): FieldControl {
  const lower = label.toLowerCase();
  return createRows(begin, {
    className: 'paths',
    rowClass: 'path-row',
    label,
    addLabel: `Add ${label}`,
    addTitle: `Several files make one ${lower}`,
    added: () => '',
    control: (name, value, onRow) => createTextField({ label: name, value, onInput: onRow }),
    beside: (i, count) => [createChooser(label, count > 1 ? ` ${i + 1}` : '', () => onChoose(i))],
    removeName: (_, i) => `Remove ${lower} ${i + 1}`,
    parse: (text) => text.split('\n'),
    join: (paths) => paths.join('\n'),
    onChange,
  });
}
