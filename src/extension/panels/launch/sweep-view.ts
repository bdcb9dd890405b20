import type { ForecastState } from '../../../core/forecast/index.js';
import { type OptionPath, optionRow } from '../../../core/options/index.js';
import { formatDuration, plural } from '../../../format.js';
import type { SweepView } from '../../../protocol/launch.js';
import { readDraft, type Values } from '../../draft/read-draft.js';
import { isSweep, itemsOf, severalOptions } from '../../draft/sweep-draft.js';

/** What the values of a form come to, where some have several. */
export function sweepView(values: Values, forecast: ForecastState): SweepView {
  const several = severalOptions(values);
  const runs = values['sweep.runs'] ?? '';
  const varied = several.map((option) => ({
    field: option === 'training.loss_weights' ? '' : option,
    label: labelOf(option),
    values: itemsOf(option, values[option] ?? '').join(option === 'training.loss_type' ? ' | ' : ', '),
  }));
  const listed = runs === '' ? [] : [{ field: '', label: 'Runs', values: 'listed one by one in the run config' }];
  const { sweep } = readDraft(values);
  return {
    on: isSweep(values),
    several,
    title: sweep === undefined ? '' : plural(sweep.trials.length, 'run'),
    varied: [...varied, ...listed],
    text: sweep === undefined ? '' : timeText(sweep.trials.length, sweep.parallel, sweep.block.halving !== undefined, forecast),
    actions: runs === '' ? [] : [{ label: 'Remove the list', field: 'sweep.runs', value: '' }],
  };
}

function labelOf(option: OptionPath): string {
  return optionRow(option)?.label ?? option;
}

/** The forecast is of the first run: what runs have in common is computed once, and others may take longer. */
function timeText(runs: number, parallel: string, isHalved: boolean, forecast: ForecastState): string {
  const how = parallel === '1' ? 'One after another' : parallel === 'auto' ? 'As many at once as there are devices' : `${parallel} at once`;
  if (forecast.kind !== 'done' || forecast.time === undefined) return `${how}. How long they take is known after the first run.`;
  const { total } = forecast.time;
  const all = `about ${formatDuration(runs * total)}, if each takes as long as the first (${formatDuration(total)})`;
  const less = isHalved ? '; less with those that are stopped early' : '';
  return parallel === '1' ? `${how}: ${all}${less}.` : `${how}. One after another they take ${all}${less}.`;
}
