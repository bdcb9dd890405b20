import { createCheckbox, createTextField } from './controls.js';
import { element } from './dom.js';
import type { FieldControl } from './field-control.js';
import { namedDevices } from './named-devices.js';

type Choices = readonly { readonly value: string; readonly label: string }[];

/** What the field says where nothing is ticked. */
const NONE = 'auto';

/**
 * Devices of a run: a text (`auto`, how many, or which), and below it a box for each GPU that there is, with what it is and whether it is
 * free. Ticking boxes writes the text, and the text ticks the boxes.
 */
export function createDevices(label: string, choices: Choices, begin: string, onChange: (value: string) => void): FieldControl {
  const changed = (): void => {
    tick();
    onChange(field.value);
  };
  const field = createTextField({ label, value: begin, onInput: changed });
  const boxes = choices.map(({ value, label: words }) => ({
    number: value,
    box: createCheckbox({ label: words, checked: namedDevices(begin).includes(value), onChange: () => picked() }),
  }));
  const root = element('div', { class: 'devices' }, field.root, ...boxes.map(({ box }) => box));

  function picked(): void {
    const numbers = boxes.filter(({ box }) => box.checked).map(({ number }) => number);
    // A box that the text has ticked says that it changed, too.
    if (numbers.join() === namedDevices(field.value).join()) return;
    field.value = numbers.length === 0 ? NONE : numbers.length === 1 ? `[${numbers[0]}]` : numbers.join(',');
    onChange(field.value);
  }
  function tick(): void {
    const named = namedDevices(field.value);
    for (const { number, box } of boxes) box.checked = named.includes(number);
  }
  return {
    root,
    get value() {
      return field.value;
    },
    set value(next) {
      field.value = next;
      tick();
    },
    describe(words, invalid) {
      field.root.setAttribute('aria-label', words);
      if (invalid) field.root.setAttribute('aria-invalid', 'true');
      else field.root.removeAttribute('aria-invalid');
    },
  };
}
