import type { Headline } from '../core/history/index.js';

/** Loss, margin and accuracy as columns of a table show them; a dash for what is not known. */
export function figureCells(figures: Headline | undefined): string[] {
  return [figure(figures?.loss, 4), figure(figures?.margin, 3), percent(figures?.accuracy)];
}

/** What the figures are of: "evaluation at step 40", "the last 104 pairs". */
export function figuresOf({ of, step, pairs }: Headline): string {
  return of === 'evaluation' ? `evaluation at step ${step}` : `mean of the last ${pairs} pairs`;
}

export function figure(value: number | undefined, digits: number): string {
  return value?.toFixed(digits) ?? '-';
}

export function percent(value: number | undefined): string {
  return value === undefined ? '-' : `${(100 * value).toFixed(0)} %`;
}

/** Figures, and what they are of, as rows of a summary. */
export function headlineRows(figures: Headline | undefined): [string, string][] {
  if (figures === undefined) return [];
  const of = figuresOf(figures);
  const rows: [string, string][] = [
    ['loss', `${figure(figures.loss, 4)} (${of})`],
    ['margin', figure(figures.margin, 3)],
    ['accuracy', percent(figures.accuracy)],
  ];
  const { best } = figures;
  if (best !== undefined && best.step !== figures.step) {
    rows.push([
      'best',
      `step ${best.step}: loss ${figure(best.loss, 4)}, margin ${figure(best.margin, 3)}, accuracy ${percent(best.accuracy)}`,
    ]);
  }
  return rows;
}
