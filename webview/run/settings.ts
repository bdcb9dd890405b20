import type { RunHeader, RunPageRequest, RunStatus } from '../../src/protocol/run.js';
import { createButton } from '../ui/controls.js';
import { element, setText } from '../ui/dom.js';

/** Everything that a run was told, what it was made with, and the command that does it again. */
export class Settings {
  readonly root: HTMLDetailsElement;
  readonly #device = element('p', { class: 'device' });
  readonly #groups = element('div', { class: 'settings-groups' });
  readonly #command = element('pre', {
    class: 'command',
    tabindex: '0',
    role: 'region',
    'aria-label': 'The command that repeats this run',
  });
  readonly #without = element('p', { class: 'note' });

  constructor(ask: (request: RunPageRequest) => void) {
    this.root = element(
      'details',
      { class: 'all-settings' },
      element('summary', {}, 'Settings'),
      this.#device,
      this.#groups,
      element('h3', {}, 'To repeat this run'),
      this.#command,
      this.#without,
      element('div', { class: 'actions' }, createButton({ label: 'Copy Command', onClick: () => ask('copy-command') })),
    );
  }

  show({ settings, command, commandWithout }: RunHeader): void {
    this.#groups.replaceChildren(
      ...settings.map(({ title, rows }) =>
        element(
          'section',
          {},
          element('h3', {}, title),
          element(
            'dl',
            { class: 'settings' },
            ...rows.flatMap(({ name, value, help, changed }) => [
              element('dt', help === '' ? {} : { title: help }, name),
              element('dd', changed ? { class: 'changed', title: 'Changed from the defaults' } : {}, value),
            ]),
          ),
        ),
      ),
    );
    setText(this.#command, command);
    const names = commandWithout.join(', ');
    setText(this.#without, names === '' ? '' : `Not part of the command, because only a run config can hold them: ${names}.`);
  }

  showDevice({ device, recomputed }: Pick<RunStatus, 'device' | 'recomputed'>): void {
    const again = recomputed === null ? '' : ` To save memory, ${recomputed} were computed again.`;
    setText(this.#device, device === null ? '' : `It ran on ${device}.${again}`);
  }
}
