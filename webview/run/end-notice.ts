import { formatCount, formatDuration, sentence } from '../../src/format.js';
import type { PanelRequest, RunEnd, RunStatus } from '../../src/protocol.js';
import { createButton } from '../ui/controls.js';
import { element } from '../ui/dom.js';

type Ask = (request: PanelRequest) => void;

/** How the run ended, and what can be done about it. */
export function endNotice(status: RunStatus, end: RunEnd, ask: Ask): HTMLElement {
  switch (end.kind) {
    case 'finished':
      return notice(
        'good',
        `Finished in ${formatDuration(end.seconds)}`,
        end.exportPath === null
          ? []
          : [
              element('p', {}, 'The trained model, a Hugging Face folder: ', element('code', {}, end.exportPath)),
              actions(createButton({ label: 'Reveal Model', onClick: () => ask('reveal-export') })),
            ],
      );
    case 'stopped':
      return notice('plain', `Stopped after step ${formatCount(end.step)}`, [element('p', {}, resumeText(status))]);
    case 'failed':
      return notice('bad', sentence(end.what), [
        definitions([
          ['Where', end.where],
          ['What to do', sentence(end.advice)],
        ]),
        element('p', {}, resumeText(status)),
        actions(createButton({ label: 'Show Log', onClick: () => ask('show-log') })),
      ]);
    case 'crashed':
      return notice('bad', `The runner is gone: ${end.exit}`, [
        element('p', {}, resumeText(status)),
        ...(end.log.length === 0
          ? [element('p', {}, 'It wrote nothing to its log.')]
          : [
              element('p', { id: 'log-title' }, 'The last lines of its log:'),
              element('pre', { tabindex: '0', role: 'region', 'aria-labelledby': 'log-title' }, end.log.join('\n')),
              actions(createButton({ label: 'Show Log', onClick: () => ask('show-log') })),
            ]),
      ]);
  }
}

function resumeText({ checkpoint }: RunStatus): string {
  return checkpoint === null
    ? 'There is no checkpoint yet; resuming begins again at the first step.'
    : `Resuming goes on from the checkpoint at step ${formatCount(checkpoint)}.`;
}

function notice(kind: 'good' | 'bad' | 'plain', title: string, body: readonly Node[]): HTMLElement {
  return element('div', { class: `notice ${kind}` }, element('h2', {}, title), ...body);
}

function definitions(rows: readonly (readonly [string, string])[]): HTMLElement {
  return element('dl', {}, ...rows.flatMap(([name, text]) => [element('dt', {}, name), element('dd', {}, text)]));
}

function actions(...buttons: readonly HTMLElement[]): HTMLElement {
  return element('div', { class: 'actions' }, ...buttons);
}
