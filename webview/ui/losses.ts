import { createButton, createDropdown, type ValueControl } from './controls.js';
import { element } from './dom.js';
import type { FieldControl } from './field.js';

type Choices = readonly { readonly value: string; readonly label: string }[];

/** One loss or several: a list that grows and shrinks by a row. Its value is the losses' names with commas between. */
export function createLosses(choices: Choices, begin: string, onChange: (value: string) => void): FieldControl {
  const rows = element('div', { class: 'loss-rows' });
  let controls: ValueControl[] = [];
  // Kept here: a dropdown that was just made does not know its value yet.
  let chosen: string[] = [];
  let description = 'Loss';
  const read = (): string => chosen.join(', ');
  const add = createButton({
    label: 'Add Loss',
    title: 'Train the sum of several losses',
    onClick: () => {
      const next = choices.find(({ value }) => !chosen.includes(value))?.value;
      if (next === undefined) return;
      show([...chosen, next]);
      onChange(read());
      controls.at(-1)?.root.focus();
    },
  });
  const root = element('div', { class: 'losses', role: 'group', tabindex: '-1' }, rows, add);

  const show = (losses: readonly string[]): void => {
    chosen = [...losses];
    controls = losses.map((value, i) =>
      createDropdown({
        label: i === 0 ? description : `Loss ${i + 1}`,
        choices,
        value,
        onChange: (now) => {
          chosen[i] = now;
          onChange(read());
        },
      }),
    );
    rows.replaceChildren(
      ...controls.map((control, i) => {
        const remove = createButton({
          label: 'Remove',
          onClick: () => {
            show(chosen.filter((_, at) => at !== i));
            onChange(read());
            controls[Math.min(i, controls.length - 1)]?.root.focus();
          },
        });
        remove.setAttribute('aria-label', `Remove ${losses[i]}`);
        return element('div', { class: 'loss-row' }, control.root, ...(losses.length > 1 ? [remove] : []));
      }),
    );
  };

  const parse = (value: string): string[] => {
    const known = value.split(',').map((name) => name.trim());
    return known.length === 0 ? [choices[0]?.value ?? ''] : known;
  };
  show(parse(begin));
  return {
    root,
    get value() {
      return read();
    },
    set value(next) {
      show(parse(next));
    },
    describe(label, invalid) {
      description = label;
      root.setAttribute('aria-label', label);
      controls[0]?.root.setAttribute('aria-label', label);
      root.classList.toggle('wrong', invalid);
    },
  };
}
