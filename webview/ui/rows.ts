import { createButton, type ValueControl } from './controls.js';
import { element } from './dom.js';
import type { FieldControl } from './field-control.js';

export interface RowsOptions {
  /** Class of the whole; its rows have that of `rowClass`. */
  readonly className: string;
  readonly rowClass: string;
  readonly label: string;
  readonly addLabel: string;
  readonly addTitle: string;
  /** What a new row begins with; undefined when there can be none. */
  readonly added: (values: readonly string[]) => string | undefined;
  /** The control of a row. @param onChange called with its value */
  readonly control: (label: string, value: string, onChange: (value: string) => void) => ValueControl;
  /** What stands between a row's control and its button to remove it. */
  readonly beside?: (index: number, count: number) => readonly HTMLElement[];
  /** What screen readers call the button that removes a row. */
  readonly removeName: (value: string, index: number) => string;
  readonly parse: (text: string) => readonly string[];
  readonly join: (values: readonly string[]) => string;
  readonly onChange: (text: string) => void;
}

/** A list of one control or several, which grows and shrinks by a row. Its value is the rows' as one text. */
export function createRows(begin: string, options: RowsOptions): FieldControl {
  const { className, rowClass, label, parse, join } = options;
  const list = element('div', { class: `${rowClass}s` });
  let controls: ValueControl[] = [];
  // Kept here: a control that was just made does not know its value yet.
  let values: string[] = [];
  let description = label;
  const changeTo = (next: readonly string[], focused: number): void => {
    show(next);
    options.onChange(join(values));
    controls.at(focused)?.root.focus();
  };
  const add = createButton({
    label: options.addLabel,
    title: options.addTitle,
    onClick: () => {
      const next = options.added(values);
      if (next !== undefined) changeTo([...values, next], -1);
    },
  });
  const root = element('div', { class: className, role: 'group', tabindex: '-1' }, list, add);

  const row = (control: ValueControl, i: number): HTMLElement => {
    const beside = options.beside?.(i, values.length) ?? [];
    if (values.length === 1) return element('div', { class: rowClass }, control.root, ...beside);
    const remove = createButton({
      label: 'Remove',
      onClick: () =>
        changeTo(
          values.filter((_, at) => at !== i),
          Math.min(i, values.length - 2),
        ),
    });
    remove.setAttribute('aria-label', options.removeName(values[i] ?? '', i));
    return element('div', { class: rowClass }, control.root, ...beside, remove);
  };

  const show = (next: readonly string[]): void => {
    values = [...next];
    controls = values.map((value, i) =>
      options.control(i === 0 ? description : `${label} ${i + 1}`, value, (now) => {
        values[i] = now;
        options.onChange(join(values));
      }),
    );
    list.replaceChildren(...controls.map(row));
  };

  show(parse(begin));
  return {
    root,
    get value() {
      return join(values);
    },
    set value(next) {
      const parsed = parse(next);
      if (parsed.length !== controls.length) {
        show(parsed);
        return;
      }
      // The same rows with other values: what has the focus keeps it.
      values = [...parsed];
      controls.forEach((control, i) => (control.value = values[i] as string));
    },
    describe(text, invalid) {
      description = text;
      root.setAttribute('aria-label', text);
      controls[0]?.root.setAttribute('aria-label', text);
      for (const { root: control } of controls) {
        if (invalid) control.setAttribute('aria-invalid', 'true');
        else control.removeAttribute('aria-invalid');
      }
    },
  };
}
