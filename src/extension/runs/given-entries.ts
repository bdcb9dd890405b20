/**
 * The run folders among entries of the Runs view: of the one that a command was chosen on, and of those selected with it. Entries of before the
 * view was drawn anew are as good as any: a run is found by its folder.
 */
export function foldersOf(item: unknown, selection: unknown): string[] {
  const items: unknown[] = Array.isArray(selection) && selection.length > 0 ? selection : [item];
  return items.flatMap((each) => {
    if (typeof each === 'string') return [each];
    if (typeof each !== 'object' || each === null) return [];
    const { folder, runs } = each as { folder?: unknown; runs?: unknown };
    if (typeof folder === 'string') return [folder];
    // A dataset's group stands for its runs.
    return Array.isArray(runs) ? foldersOf(undefined, runs) : [];
  });
}

/**
 * What a command was given, with the entries that VS Code has lost. It forgets those of a tree that it draws anew until it has asked for them
 * again: what is chosen in a menu in that moment comes with nothing in their place. Several are those that are selected. Of one nothing is
 * known: it need not be selected.
 *
 * @param given nothing by the palette; by a menu its entry, and all that are selected if the entry is one of several
 * @param selected in the view, for a command that takes several
 * @param isOfTitle the view's title has the command too, which gives no entry where none has the focus
 * @returns undefined if entries stay lost: the command would ask for what was chosen already, or be done for fewer than were
 */
export function wholeEntries(
  given: readonly unknown[],
  { selected = [], isOfTitle = false }: { readonly selected?: readonly unknown[]; readonly isOfTitle?: boolean } = {},
): readonly unknown[] | undefined {
  const isLost = (each: unknown): boolean => each === undefined || each === null;
  const [item, selection] = given;
  if (!Array.isArray(selection) || selection.length === 0) return !isOfTitle && given.length > 1 && isLost(item) ? undefined : given;
  if (!selection.some(isLost)) return given;
  return selection.length === selected.length ? [item, selected] : undefined;
}
