/** Why a command has nothing to ask about: what it needs, where there are others. */
export function noneText(
  title: string,
  kind: 'run' | 'sweep',
  { wanted, hasFolder, isAny }: { readonly wanted: string; readonly hasFolder: boolean; readonly isAny: boolean },
): string {
  if (!hasFolder) return `Wishbone: ${kind}s are stored in the open folder. Open one first.`;
  if (!isAny) return `Wishbone: no ${kind}s in this workspace yet.`;
  return `Wishbone: “${title}” needs ${wanted}. No ${kind} of this workspace is one.`;
}
