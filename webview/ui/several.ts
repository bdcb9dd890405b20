import type { FieldSpec } from '../../src/protocol/form.js';
import { createCheckbox, createTextField } from './controls.js';
import { element } from './dom.js';
import type { FieldControl } from './field-control.js';
import { createRows } from './rows.js';

const FLAGS = [
  { value: 'true', label: 'on' },
  { value: 'false', label: 'off' },
] as const;

/**
 * The control of a field that has several values and is no number: those are one text in any case. Its value is theirs as one text: with
 * commas between where values have none themselves (choices, flags), else one a line.
 */
export function createSeveral({ kind, label, choices }: FieldSpec, value: string, onChange: (value: string) => void): FieldControl {
  switch (kind) {
    case 'choice':
      return createChoices(choices, value, onChange);
    case 'flag':
      return createChoices(FLAGS, value, onChange);
    default:
      return createRows(value, {
        className: 'values',
        rowClass: 'value-row',
        label,
        addLabel: 'Add Value',
        addTitle: 'Another value: a run of its own',
        added: () => '',
        control: (name, text, onRow) => createTextField({ label: name, value: text, onInput: onRow }),
        removeName: (text, i) => `Remove ${text === '' ? `value ${i + 1}` : text}`,
        parse: (text) => text.split('\n'),
        join: (texts) => texts.join('\n'),
        onChange,
      });
  }
}

/** A box for each value there is. Those that are ticked stay in their order; what is ticked comes last. */
function createChoices(choices: FieldSpec['choices'], begin: string, onChange: (value: string) => void): FieldControl {
  let chosen = itemsOf(begin);
  const boxes = choices.map(({ value, label }) => {
    const box = createCheckbox({ label, checked: chosen.includes(value), onChange: (checked) => tick(value, checked) });
    return { value, box };
  });
  const root = element('div', { class: 'choices', role: 'group', tabindex: '-1' }, ...boxes.map(({ box }) => box));
  function tick(value: string, checked: boolean): void {
    // A box that the text has ticked says that it changed, too.
    if (chosen.includes(value) === checked) return;
    chosen = checked ? [...chosen, value] : chosen.filter((each) => each !== value);
    onChange(chosen.join(', '));
  }
  return {
    root,
    get value() {
      return chosen.join(', ');
    },
    set value(next) {
      chosen = itemsOf(next);
      for (const { value, box } of boxes) box.checked = chosen.includes(value);
    },
    describe(text, invalid) {
      root.setAttribute('aria-label', text);
      for (const { box } of boxes) mark(box, invalid);
    },
  };
}

const itemsOf = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function mark(control: HTMLElement, invalid: boolean): void {
  if (invalid) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
}
