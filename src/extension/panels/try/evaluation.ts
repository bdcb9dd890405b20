import path from 'node:path';

import * as vscode from 'vscode';

import type { ChatTexts, EvaluationPrompt, ListedPrompt } from '../../../core/sample/chat/index.js';
import { formatCount } from '../../../format.js';
import { DEFAULT_TRY_SETTINGS, type EvaluationChoice, type TryExample } from '../../../protocol/try.js';
import { withProgress } from '../../messages.js';
import type { KeptAnswer, KeptTurn } from './chats.js';

/**
 * A prompt of a run's evaluation set.
 *
 * @param asked how many were asked for before, for the next one
 * @returns undefined when none was chosen
 * @throws WishboneError when the run has no evaluation set, or its files are gone
 */
export async function evaluationPrompt(
  texts: ChatTexts,
  run: string,
  which: EvaluationChoice,
  asked: number,
): Promise<EvaluationPrompt | undefined> {
  const progress = { location: vscode.ProgressLocation.Window, title: 'Reading the evaluation set…' };
  const count = await withProgress(progress, () => texts.ask('evaluation', run, [run]));
  const index = which === 'choose' ? await choose(await texts.ask('evaluationList', run, [run])) : indexOf(which, asked, count);
  return index === undefined ? undefined : texts.ask('evaluationPrompt', { run, index }, [run]);
}

function indexOf(which: 'next' | 'random', asked: number, count: number): number {
  return which === 'next' ? asked % count : Math.floor(Math.random() * count);
}

/** Prompts about one text begin alike: what they ask comes first. */
async function choose(prompts: readonly ListedPrompt[]): Promise<number | undefined> {
  const items = prompts.map(({ start, end }, index) => {
    const begins = start.trim().replace(/\s+/g, ' ');
    const isWhole = end === '' || begins === end;
    return { label: isWhole ? begins : end, description: formatCount(index + 1), ...(isWhole ? {} : { detail: begins }), index };
  });
  const title = 'Prompt of the Evaluation Set';
  const how = { title, placeHolder: 'Which prompt?', matchOnDetail: true, ignoreFocusOut: true };
  return (await vscode.window.showQuickPick(items, how))?.index;
}

export function exampleOf({ file, row, chosen, rejected }: EvaluationPrompt): TryExample {
  return { place: `${path.basename(file)}:${formatCount(row)}`, chosen, rejected };
}

/** What was said before the prompt, as turns that no model has written. */
export function turnsBefore({ before, system }: EvaluationPrompt): Omit<KeptTurn, 'id'>[] {
  return before.map(({ user, assistant }) => {
    const answer: KeptAnswer = {
      ...{ model: 'Dataset', choice: null, text: assistant, ids: [], tokens: 0, seconds: 0 },
      ...{ state: 'given', problem: '' },
    };
    return { prompt: user, system, settings: DEFAULT_TRY_SETTINGS, example: null, left: answer, right: answer };
  });
}
