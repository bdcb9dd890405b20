import path from 'node:path';

import { leftOutText, mostlyLeftOut, remedyLabel, trainWithoutLabel, unreadText } from '../../../core/dataset/index.js';
import { OPTIONS } from '../../../core/options/index.js';
import { type PlanSummary, sharingAdvice, type SharingOfPlan, trainedOnToo } from '../../../core/prepare/index.js';
import { formatCount, plural, sentence } from '../../../format.js';
import type { ForecastAction, ForecastNotice } from '../../../protocol/launch.js';

/** What in the files is not used, with actions that make use of it. */
export function dataNotices({ files, evalFiles }: Pick<PlanSummary, 'files' | 'evalFiles'>): ForecastNotice[] {
  const all = [...files, ...evalFiles];
  const slips = trainedOnToo({ files, evalFiles }).map(
    ({ what, advice }): ForecastNotice => ({ tone: 'warn', title: sentence(what), text: `${sentence(advice)}.`, actions: [] }),
  );
  const named = (file: string, text: string): string => (all.length > 1 ? `${path.basename(file)}: ${text}` : text);
  const warnings = all.flatMap(({ path: file, columnReport }) =>
    columnReport.warnings.map(
      ({ what, advice, remedies }): ForecastNotice => ({
        tone: 'warn',
        title: named(file, sentence(what)),
        text: `${sentence(advice)}.`,
        actions: remedies.map((remedy) => ({
          label: `${sentence(remedyLabel(remedy))}: ${remedy.columns}`,
          field: 'plan.columns',
          value: remedy.columns,
        })),
      }),
    ),
  );
  const leftOut = all.flatMap(({ path: file, rows: of, leftOut: rows }): ForecastNotice[] => {
    const mostly = mostlyLeftOut(rows, of);
    const more = mostly === undefined ? '' : ` ${sentence(mostly.what)}: ${mostly.advice}.`;
    return rows.rows === 0
      ? []
      : [
          {
            tone: 'warn',
            title: named(file, plural(rows.rows, 'unreadable row') + ' left out'),
            text: `${sentence(leftOutText(rows))}.${more}`,
            actions: [{ label: 'Stop at such rows instead', field: 'plan.on_bad_row', value: 'stop' }],
          },
        ];
  });
  const unread = all.flatMap(({ path: file, columnReport }): ForecastNotice[] => {
    const text = unreadText(columnReport);
    return text === undefined ? [] : [{ tone: 'plain', title: named(file, 'Columns that are not read'), text, actions: [] }];
  });
  return [...slips, ...warnings, ...leftOut, ...unread];
}

/** What pairs have in common and the plan does not share, with a click that makes it. */
export function sharingNotices(summary: Pick<PlanSummary, 'commonPrompts' | keyof SharingOfPlan>): ForecastNotice[] {
  const advice = sharingAdvice(summary.commonPrompts, summary, formatCount);
  if (advice === undefined) return [];
  const { option, value, text } = advice;
  const label = `${OPTIONS.plan[option].label}: ${value}`;
  return [{ tone: 'plain', title: 'Prompts in common', text: `${text}.`, actions: [{ label, field: `plan.${option}`, value }] }];
}

/** What can be done about a bad row. Nothing, as long as it is unknown whether others are good. */
export function waysOut(without: PlanSummary | undefined): ForecastAction[] {
  if (without === undefined) return [];
  const rows = [...without.files, ...without.evalFiles].reduce((sum, { leftOut }) => sum + leftOut.rows, 0);
  return rows === 0 ? [] : [{ label: trainWithoutLabel(rows), field: 'plan.on_bad_row', value: 'skip' }];
}
