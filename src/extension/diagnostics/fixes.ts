import { CHECK_SEVERITIES, type Problem } from '../../core/checks/index.js';

/** Something that can be done about problems of one row. */
export interface Fix {
  readonly kind: 'rename' | 'trim' | 'drop' | 'move';
  readonly title: string;
  readonly row: number;
  readonly problems: readonly Problem[];
}

/**
 * What can be done about some of a report's problems: only what is safe, that is what loses nothing that cannot be
 * undone and needs no guess at what was meant.
 *
 * @param sideFile name of the file that rows can be moved to; undefined when there can be none
 */
export function fixesFor(
  { problems }: { readonly problems: readonly Problem[] },
  isMeant: (problem: Problem) => boolean,
  sideFile: string | undefined,
): Fix[] {
  const meant = problems.filter(isMeant);
  const trims = meant.flatMap((problem): Fix[] =>
    problem.trim === undefined || problem.row === undefined
      ? []
      : [{ kind: 'trim', title: 'Trim the response', row: problem.row, problems: [problem] }],
  );
  const renames = meant.flatMap((problem): Fix[] =>
    problem.rename === undefined || problem.row === undefined
      ? []
      : [{ kind: 'rename', title: `Rename the field to "${problem.rename.name}"`, row: problem.row, problems: [problem] }],
  );
  const byRow = new Map<number, Problem[]>();
  for (const problem of meant) {
    // What is only worth knowing is no reason to part with a row.
    if (problem.row === undefined || CHECK_SEVERITIES[problem.check] === 'information') continue;
    byRow.set(problem.row, [...(byRow.get(problem.row) ?? []), problem]);
  }
  return [
    ...renames,
    ...trims,
    ...[...byRow].flatMap(([row, ofRow]): Fix[] => [
      { kind: 'drop', title: 'Drop the row', row, problems: ofRow },
      ...(sideFile === undefined ? [] : [{ kind: 'move', title: `Move the row to ${sideFile}`, row, problems: ofRow } as const]),
    ]),
  ];
}
