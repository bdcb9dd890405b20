import { plural } from '../../src/format.js';
import type { RunHeader, RunStatus } from '../../src/protocol/run.js';
import { element, setText } from '../ui/dom.js';
import { STATE_WORDS } from './words.js';

interface Compared {
  readonly header: RunHeader | undefined;
  readonly status: RunStatus | undefined;
}

/** The upper part of a comparison: what is compared, and how all of it stands. */
export class ComparisonHead {
  readonly #name = element('h1');
  readonly #states = element('span', { class: 'states', role: 'status', 'aria-live': 'polite' });
  readonly #facts = element('p', { class: 'facts' });
  readonly root = element(
    'header',
    { class: 'comparison', hidden: '' },
    element('div', { class: 'title' }, element('div', { class: 'name' }, this.#name, this.#states), this.#facts),
  );

  draw(runs: readonly Compared[]): void {
    this.root.hidden = runs.length < 2;
    if (this.root.hidden) return;
    setText(this.#name, `Comparison of ${plural(runs.length, 'run')}`);
    setText(this.#states, statesText(runs));
    const common = (label: string, of: (header: RunHeader) => readonly [name: string, path: string]): HTMLElement => {
      const found = new Map(
        runs.flatMap(({ header }) => (header === undefined ? [] : [of(header)].map(([name, path]) => [path, name] as const))),
      );
      const [only] = found.values();
      const value = found.size === 1 ? only! : plural(found.size, label.toLowerCase());
      return element(
        'span',
        { title: [...found.keys()].join('\n') },
        element('span', { class: 'label' }, `${label} `),
        element('span', { class: 'value' }, value),
      );
    };
    this.#facts.replaceChildren(
      common('Dataset', ({ datasetName, datasetPath }) => [datasetName, datasetPath]),
      common('Model', ({ modelName, modelPath }) => [modelName, modelPath]),
    );
  }
}

/** `2 finished, 1 running`: most of them first. */
export function statesText(runs: readonly { readonly status: RunStatus | undefined }[]): string {
  const counts = new Map<string, number>();
  for (const { status } of runs) {
    const word = status === undefined ? undefined : status.gone ? 'Deleted' : STATE_WORDS[status.state];
    if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([word, count]) => `${count} ${word.toLowerCase()}`)
    .join(', ');
}
