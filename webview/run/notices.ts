import { formatCount, formatDuration, plural, sentence } from '../../src/format.js';
import type { PanelRequest, RunEnd, RunStatus } from '../../src/protocol/run.js';
import { createButton } from '../ui/controls.js';
import { element } from '../ui/dom.js';

type Ask = (request: PanelRequest) => void;

/** All that is to be said about a run beside its figures: how it ended, what looks wrong, what to do. */
export function notices(status: RunStatus, planProblem: string | null, ask: Ask): HTMLElement[] {
  const parts: HTMLElement[] = [];
  if (status.end !== null) parts.push(endNotice(status, status.end, ask));
  for (const { what, advice } of status.warnings) {
    parts.push(notice('warn', what, [element('p', {}, advice), ...advicesOf(status, ask)]));
  }
  if (planProblem !== null) {
    parts.push(
      notice('warn', planProblem, [
        element('p', {}, 'The run can be looked at, but not started or resumed. Duplicate it: that plans it anew.'),
        ...(status.mayAct ? [actions(duplicateButton(ask))] : []),
      ]),
    );
  }
  if (status.skippedLines > 0) {
    const lines = plural(status.skippedLines, 'line');
    const text = `${lines} of the event log could not be read, as after a crash in the middle of one. All others are shown.`;
    parts.push(notice('plain', sentence(text), []));
  }
  return parts;
}

function advicesOf({ mayAct, state }: RunStatus, ask: Ask): HTMLElement[] {
  if (!mayAct) return [];
  const live = state === 'running';
  const stop = createButton({ label: 'Stop', onClick: () => ask('stop') });
  return [actions(...(live ? [stop] : []), duplicateButton(ask))];
}

function duplicateButton(ask: Ask): HTMLElement {
  return createButton({ label: 'Duplicate with Changes…', onClick: () => ask('duplicate') });
}

/** How the run ended, and what can be done about it. */
function endNotice(status: RunStatus, end: RunEnd, ask: Ask): HTMLElement {
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
        ...(end.advice.length === 0 ? [] : [element('ul', {}, ...end.advice.map((text) => element('li', {}, `${text}.`)))]),
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

function notice(kind: 'good' | 'bad' | 'warn' | 'plain', title: string, body: readonly Node[]): HTMLElement {
  return element('div', { class: `notice ${kind}` }, element('h2', {}, title), ...body);
}

function definitions(rows: readonly (readonly [string, string])[]): HTMLElement {
  return element('dl', {}, ...rows.flatMap(([name, text]) => [element('dt', {}, name), element('dd', {}, text)]));
}

function actions(...buttons: readonly HTMLElement[]): HTMLElement {
  return element('div', { class: 'actions' }, ...buttons);
}
