import { printable } from './printable.js';

/**
 * A text that VS Code shows as it is. Notifications make links of `[text](https://…)` and of `[text](command:…)`, which would run
 * a command; names of files, runs and columns may hold either. A sign without width between the two brackets ends that and is
 * not seen. Control characters are shown by their codes.
 */
export function withoutLinks(text: string): string {
  return printable(text).replaceAll('](', ']\u2060(');
}
