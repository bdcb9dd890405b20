import { nearestName } from '../nearest-name.js';
import { KEEP_LISTS } from './text-messages.js';
import type { ColumnFault, ColumnReport, ColumnWarning, Remedy, UnreadColumn } from './column-report.js';

// What is said of columns that are left out: the same words in the form, in the editor and on the command line.

interface About {
  readonly names: readonly string[];
  readonly rows?: number;
  readonly of: number;
  readonly isPromptless?: boolean;
  readonly isListed?: boolean;
  readonly remedies?: readonly Remedy[];
  readonly field?: string;
  readonly there?: readonly string[];
}

/** What is wrong, and what to do about it. */
export function columnWarning(kind: ColumnFault, about: About): { readonly what: string; readonly advice: string } {
  const { names, rows = 0, of, isListed = false, remedies = [], field = '', there = [] } = about;
  const list = quoted(names);
  const [hold, are] = names.length === 1 ? ['holds', 'is'] : ['hold', 'are'];
  const where = rowsOf(rows, of);
  switch (kind) {
    case 'lost-text':
    case 'lost-system':
      return {
        what: `${list} ${hold} text in ${where}, but ${are} not read${about.isPromptless ? ', and the prompt is empty' : ''}`,
        advice: lostAdvice(kind, remedies, isListed, list),
      };
    case 'written-messages':
      return {
        what: `${list} ${hold} messages written as text in ${where}: the brackets and quotes would be trained`,
        advice: KEEP_LISTS,
      };
    case 'media-placeholder':
      return {
        what: `"${names[0]}" is in the texts of ${where} and would be trained as text, because only text can be trained on`,
        advice: 'leave out rows about a picture, a video or a sound, unless the text is about the tag itself',
      };
    case 'missing-column': {
      const near = nearestName(names[0] ?? '', there);
      return {
        what: `no row has the column ${list} given for "${field}", so that field is not read`,
        advice:
          near === undefined
            ? `fix the name${isListed ? ' in the list of datasets' : ''}; rows have ${quoted(there.slice(0, 8))}`
            : `did you mean "${near}"?`,
      };
    }
  }
}

function lostAdvice(kind: ColumnFault, remedies: readonly Remedy[], isListed: boolean, list: string): string {
  if (remedies.length > 0) return remedies.map(remedyText).join('; or ');
  if (isListed) return `name them under "columns" of the dataset's entry, for example "system": "system", or remove ${list}`;
  if (kind === 'lost-system') return 'put it in the prompt, as the first message with the role "system", or remove it';
  return `name them with --columns, as in prompt=question, put them in the prompt, or remove them`;
}

/** What a remedy does, with the flag. */
export function remedyText(remedy: Remedy): string {
  return `${remedyLabel(remedy)}: ${remedyFlag(remedy)}`;
}

export function remedyLabel({ kind }: Pick<Remedy, 'kind'>): string {
  return kind === 'chat' ? 'read as a chat' : 'read as plain text';
}

/** As it is typed into a shell. */
export function remedyFlag({ columns }: Remedy): string {
  return /^[\w.,=/+-]+$/.test(columns) ? `--columns ${columns}` : `--columns '${columns.replaceAll("'", `'\\''`)}'`;
}

/** A warning as one line. */
export function warningText({ what, advice }: Pick<ColumnWarning, 'what' | 'advice'>): string {
  return `${what}; ${advice}`;
}

const MOST_NAMES = 12;

/** The columns that are left out, as one line; undefined when there are none. */
export function unreadText({ unread }: Pick<ColumnReport, 'unread'>): string | undefined {
  if (unread.length === 0) return undefined;
  const more = unread.length > MOST_NAMES ? ` and ${unread.length - MOST_NAMES} more` : '';
  return (
    unread
      .slice(0, MOST_NAMES)
      .map(({ name }) => name)
      .join(', ') + more
  );
}

/** The same, for where it stands by itself. */
export function unreadSentence(unread: readonly UnreadColumn[]): string {
  return `${unread.length === 1 ? 'one column is' : `${unread.length} columns are`} not read: ${unreadText({ unread }) ?? ''}`;
}

function quoted(names: readonly string[]): string {
  const list = names.map((name) => `"${name}"`);
  return list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`;
}

function rowsOf(rows: number, of: number): string {
  if (rows === of) return rows === 1 ? 'the only row' : `all ${rows.toLocaleString('en-US')} rows`;
  return `${rows.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} rows`;
}
