import * as vscode from 'vscode';

import type { RunListing } from '../../core/run/index.js';
import { plural } from '../../format.js';
import { filteredRuns, filterProblemText, type Suggestion, suggestions } from './run-filter.js';

const HEADINGS: Readonly<Record<Suggestion['kind'], string>> = { state: 'States', tag: 'Tags', dataset: 'Datasets' };

/** Who presses Enter sooner than this after a key means what is typed: the list still shows what it was before. */
const SETTLED_MILLISECONDS = 250;

interface Item extends vscode.QuickPickItem {
  /** Undefined: the filter as it is typed. */
  readonly term?: string;
}

/**
 * Asks which runs to show: words, and terms to choose from. The view follows while one types.
 *
 * @param show called with every filter on the way
 * @returns the filter as text, or undefined when it stays as it was
 */
export async function askForFilter(
  listings: readonly RunListing[],
  before: string,
  show: (text: string) => void,
): Promise<string | undefined> {
  const input = vscode.window.createQuickPick<Item>();
  input.title = 'Filter Runs';
  input.placeholder = 'Words from a name, model or dataset; #tag, state:failed, dataset:pairs.jsonl';
  input.value = before;
  const draw = (): void => {
    const { value } = input;
    const { shown, problem } = filteredRuns(listings, value);
    const description = problem === undefined ? `show ${shown.length} of ${plural(listings.length, 'run')}` : filterProblemText(problem);
    // As it is typed: what matches best stands first, and that is what Enter takes.
    const label = value.trim() === '' ? 'All runs' : value.trim();
    let kind: Suggestion['kind'] | undefined;
    input.items = [
      { label, description, alwaysShow: true },
      ...suggestions(listings, value).flatMap((each): Item[] => {
        const heading = each.kind === kind ? [] : [{ label: HEADINGS[each.kind], kind: vscode.QuickPickItemKind.Separator }];
        kind = each.kind;
        return [...heading, { label: each.term, description: plural(each.count, 'run'), alwaysShow: true, term: each.term }];
      }),
    ];
    show(value);
  };
  draw();
  return new Promise((resolve) => {
    let answer: string | undefined;
    let changed = 0;
    input.onDidChangeValue(() => {
      changed = Date.now();
      draw();
    });
    input.onDidAccept(() => {
      const [picked] = input.selectedItems;
      if (picked?.term === undefined || Date.now() - changed < SETTLED_MILLISECONDS) {
        answer = input.value.trim();
        input.hide();
        return;
      }
      // What was begun, such as `#b`, is replaced by the term that it was the beginning of.
      const kept = input.value.replace(/\S+$/, (last) => (isBeginning(last, picked.term!) ? '' : last)).trim();
      input.value = `${kept === '' ? '' : `${kept} `}${picked.term} `;
      draw();
    });
    input.onDidHide(() => {
      input.dispose();
      resolve(answer);
    });
    input.show();
  });
}

function isBeginning(typed: string, term: string): boolean {
  const bare = term.replace(/^(#|state:|dataset:)/, '');
  return [term, bare].some((text) => text.toLowerCase().startsWith(typed.toLowerCase()));
}
