import { createButton, createTextField, type ValueControl } from './controls.js';
import { element } from './dom.js';
import type { FieldActions, FieldControl } from './field.js';

/** One path or several: a list that grows and shrinks by a row. Its value is the paths, one a line. */
export function createPaths(label: string, begin: string, { onChange, onChoose }: FieldActions): FieldControl {
  const rows = element('div', { class: 'path-rows' });
  const lower = label.toLowerCase();
  let paths: string[] = [];
  let controls: ValueControl[] = [];
  let description = label;
  const read = (): string => paths.join('\n');
  const add = createButton({
    label: `Add ${label}`,
    title: `Several make one ${lower}`,
    onClick: () => {
      show([...paths, '']);
      onChange(read());
      controls.at(-1)?.root.focus();
    },
  });
  const root = element('div', { class: 'paths', role: 'group' }, rows, add);

  const row = (path: string, i: number, count: number): HTMLElement => {
    const control = createTextField({
      label: i === 0 ? description : `${label} ${i + 1}`,
      value: path,
      onInput: (now) => {
        paths[i] = now;
        onChange(read());
      },
    });
    controls.push(control);
    const number = count > 1 ? ` ${i + 1}` : '';
    const choose = createButton({ label: 'Choose…', title: `Choose ${label}`, onClick: () => onChoose(i) });
    choose.setAttribute('aria-label', `Choose ${lower}${number}`);
    if (count === 1) return element('div', { class: 'path-row' }, control.root, choose);
    const remove = createButton({
      label: 'Remove',
      onClick: () => {
        show(paths.filter((_, at) => at !== i));
        onChange(read());
        controls[Math.min(i, controls.length - 1)]?.root.focus();
      },
    });
    remove.setAttribute('aria-label', `Remove ${lower}${number}`);
    return element('div', { class: 'path-row' }, control.root, choose, remove);
  };

  const show = (next: readonly string[]): void => {
    paths = [...next];
    controls = [];
    rows.replaceChildren(...paths.map((path, i) => row(path, i, paths.length)));
  };

  show(begin.split('\n'));
  return {
    root,
    get value() {
      return read();
    },
    set value(next) {
      const lines = next.split('\n');
      // A row that is being typed into stays the one it is.
      if (lines.length !== controls.length) {
        show(lines);
        return;
      }
      paths = lines;
      controls.forEach((control, i) => {
        if (control.value !== lines[i]) control.value = lines[i] as string;
      });
    },
    describe(text, invalid) {
      description = text;
      root.setAttribute('aria-label', label);
      controls[0]?.root.setAttribute('aria-label', text);
      for (const { root: control } of controls) {
        if (invalid) control.setAttribute('aria-invalid', 'true');
        else control.removeAttribute('aria-invalid');
      }
    },
  };
}
