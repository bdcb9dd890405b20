import { formatCount, formatDuration, formatMetric, formatPercent, plural, sentence } from '../../src/format.js';
import type { RunPageRequest, RunEnd, RunStatus, RunWarning } from '../../src/protocol/run.js';
import { createButton } from '../ui/controls.js';
import { element } from '../ui/dom.js';

type Ask = (request: RunPageRequest) => void;

/** All that is to be said about a run beside its figures: how it ended, what looks wrong, what to do. */
export function notices(status: RunStatus, planProblem: string | null, ask: Ask): HTMLElement[] {
  const parts: HTMLElement[] = [];
  if (status.end !== null) parts.push(endNotice(status, status.end, ask));
  for (const { kind, what, where, advice } of status.warnings) {
    const place: [string, string][] = where === null ? [] : [['Where', where]];
    const ofRunner = [definitions([...place, ['What to do', advice]])];
    parts.push(notice('warn', what, kind === 'runner' ? ofRunner : [element('p', {}, advice), ...advicesOf(status, kind, ask)]));
  }
  if (planProblem !== null) {
    parts.push(
      notice('warn', planProblem, [
        element('p', {}, 'You can view this run, but not start or resume it. Duplicate it to plan it again.'),
        ...(status.mayAct ? [actions(duplicateButton(ask))] : []),
      ]),
    );
  }
  if (status.skippedLines > 0) {
    const lines = plural(status.skippedLines, 'line');
    const text = `${lines} of the event log could not be read, as happens after a crash. All other lines are shown.`;
    parts.push(notice('plain', sentence(text), []));
  }
  return parts;
}

function advicesOf(status: RunStatus, kind: RunWarning['kind'], ask: Ask): HTMLElement[] {
  if (!status.mayAct) return [];
  const live = status.state === 'running';
  const stop = createButton({ label: 'Stop', onClick: () => ask('stop') });
  const both = createButton({ label: 'Stop and Export Best', appearance: 'primary', onClick: () => ask('stop-and-export-best') });
  // Once the run has ended, how it ended is told with what can be done with its best.
  const ofBest = kind === 'overfitting' && live && status.best?.kept === true ? [both] : [];
  const why = createButton({ label: 'Why Did They Fall?', onClick: () => ask('explain') });
  return [actions(...ofBest, ...(live ? [stop] : []), ...(kind === 'collapse' ? [why] : []), duplicateButton(ask))];
}

/** To have the model of the best evaluation, or to see it where it is exported already. */
function bestButtons({ best, end, mayAct }: RunStatus, ask: Ask): HTMLElement[] {
  if (best === null) return [];
  if (best.exportPath !== null) {
    const isTheExport = end?.kind === 'finished' && end.exportPath === best.exportPath;
    return isTheExport ? [] : [createButton({ label: 'Reveal Best Model', onClick: () => ask('reveal-best') })];
  }
  if (!best.kept || !mayAct) return [];
  const title = `Write the model of step ${formatCount(best.step)} as a Hugging Face folder`;
  return [createButton({ label: 'Export Best', title, appearance: 'primary', onClick: () => ask('export-best') })];
}

/** How the best evaluation stands to the model that the run ended with; nothing where that is the best. */
function bestText({ best, step }: RunStatus, exported: string | null): HTMLElement[] {
  if (best === null || best.step === step || (exported !== null && best.exportPath === exported)) return [];
  const { loss, accuracy, exportPath, kept } = best;
  const figures = `loss ${formatMetric(loss)}, accuracy ${formatPercent(accuracy)}`;
  const text = `Evaluation was best after step ${formatCount(best.step)} (${figures})`;
  if (exportPath !== null) return [element('p', {}, `${text}; that model: `, element('code', {}, exportPath))];
  return [element('p', {}, kept ? `${text}; its weights are kept.` : `${text}; its weights no longer exist.`)];
}

/** To take the model elsewhere. */
function handOnButtons(ask: Ask): HTMLElement[] {
  const gguf = 'Write the model for llama.cpp and Ollama';
  const hub = 'Upload the model or adapter with its card; a new repository is private';
  return [
    createButton({ label: 'Export as GGUF…', title: gguf, onClick: () => ask('export-gguf') }),
    createButton({ label: 'Upload to Hub…', title: hub, onClick: () => ask('push') }),
  ];
}

function duplicateButton(ask: Ask): HTMLElement {
  return createButton({ label: 'Duplicate with Changes…', onClick: () => ask('duplicate') });
}

/** How the run ended, and what can be done about it. */
function endNotice(status: RunStatus, end: RunEnd, ask: Ask): HTMLElement {
  const ofBest = [...bestText(status, end.kind === 'finished' ? end.exportPath : null), ...row(bestButtons(status, ask))];
  switch (end.kind) {
    case 'finished': {
      const { exportPath } = end;
      const isBest = exportPath !== null && status.best?.exportPath === exportPath && status.best.step !== status.step;
      const what = isBest
        ? `Model of the best evaluation (step ${formatCount(status.best!.step)}), as a Hugging Face folder: `
        : 'Trained model, as a Hugging Face folder: ';
      const model = createButton({ label: 'Reveal Model', onClick: () => ask('reveal-export') });
      return notice('good', `Finished in ${formatDuration(end.seconds)}`, [
        ...(exportPath === null ? [] : [element('p', {}, what, element('code', {}, exportPath))]),
        ...bestText(status, exportPath),
        ...row([...bestButtons(status, ask), ...(exportPath === null ? [] : [model, ...(status.mayAct ? handOnButtons(ask) : [])])]),
      ]);
    }
    case 'stopped':
      return notice('plain', `Stopped after step ${formatCount(end.step)}`, [element('p', {}, resumeText(status)), ...ofBest]);
    case 'failed':
      return notice('bad', sentence(end.what), [
        definitions([
          ['Where', end.where],
          ['What to do', sentence(end.advice)],
        ]),
        element('p', {}, end.sameCause ? 'Nothing has changed since it failed, so resuming it would fail again.' : resumeText(status)),
        ...bestText(status, null),
        actions(
          ...(end.sameCause && status.mayAct ? [duplicateButton(ask)] : []),
          ...bestButtons(status, ask),
          createButton({ label: 'Show Log', onClick: () => ask('show-log') }),
        ),
      ]);
    case 'crashed':
      return notice('bad', `The runner crashed: ${end.exit}`, [
        ...(end.advice.length === 0 ? [] : [element('ul', {}, ...end.advice.map((text) => element('li', {}, `${text}.`)))]),
        element('p', {}, resumeText(status)),
        ...ofBest,
        ...(end.log.length === 0
          ? [element('p', {}, 'It wrote nothing to its log.')]
          : [
              element('p', { id: 'log-title' }, 'Last lines of its log:'),
              element('pre', { tabindex: '0', role: 'region', 'aria-labelledby': 'log-title' }, end.log.join('\n')),
              actions(createButton({ label: 'Show Log', onClick: () => ask('show-log') })),
            ]),
      ]);
  }
}

function resumeText({ checkpoint }: RunStatus): string {
  return checkpoint === null
    ? 'There is no checkpoint yet; resuming starts again at the first step.'
    : `Resuming continues from the checkpoint at step ${formatCount(checkpoint)}.`;
}

function notice(kind: 'good' | 'bad' | 'warn' | 'plain', title: string, body: readonly Node[]): HTMLElement {
  return element('div', { class: `notice ${kind}` }, element('h2', {}, title), ...body);
}

function definitions(rows: readonly (readonly [string, string])[]): HTMLElement {
  return element('dl', {}, ...rows.flatMap(([name, text]) => [element('dt', {}, name), element('dd', {}, text)]));
}

/** None for no buttons. */
function row(buttons: readonly HTMLElement[]): HTMLElement[] {
  return buttons.length === 0 ? [] : [actions(...buttons)];
}

function actions(...buttons: readonly HTMLElement[]): HTMLElement {
  return element('div', { class: 'actions' }, ...buttons);
}
