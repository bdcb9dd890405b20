// What somebody is asked before completions are judged: beside what, by what, and on how many prompts.
import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { type Against, type Judge, JUDGE_DEFAULTS, requireAddress, ruleOf } from '../../core/judge/index.js';
import type { RunListing } from '../../core/run/index.js';
import { sentence } from '../../format.js';
import { listingText } from '../run-text.js';
import { setting } from '../settings.js';

type Listing = Exclude<RunListing, { problem: Error }>;

const MOST_PROMPTS = 100_000;

/** The other side. */
export async function chooseSide(run: Listing, others: readonly Listing[]): Promise<Against | undefined> {
  const items: (vscode.QuickPickItem & { readonly against?: Against })[] = [
    { label: 'Its reference', detail: 'What it was held to, or started from', against: 'reference' },
    { label: 'Chosen responses', detail: 'Those of the dataset', against: 'chosen' },
    { label: 'Rejected responses', detail: 'Those of the dataset', against: 'rejected' },
    ...(others.length === 0 ? [] : [{ label: 'runs', kind: vscode.QuickPickItemKind.Separator }]),
    ...others.map((other) => ({ ...listingText(other), against: { folder: other.folder } })),
  ];
  const picked = await vscode.window.showQuickPick(items, {
    title: `Judge Completions of ${run.config.name}`,
    placeHolder: 'Beside what?',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return picked?.against;
}

type JudgeItem = vscode.QuickPickItem & { readonly choose: () => Promise<Judge | undefined> };

/** An endpoint of the settings, another one, or a rule. */
export async function chooseJudge(): Promise<Judge | undefined> {
  const [url, model] = [setting('judge.url', '').trim(), setting('judge.model', '').trim()];
  const items: JudgeItem[] = [];
  if (url !== '' && model !== '')
    items.push({
      label: `$(comment-discussion) ${model}`,
      description: url,
      detail: 'The endpoint of the settings',
      choose: async () => endpoint(url, model),
    });
  items.push(
    {
      label: '$(add) Endpoint…',
      detail: 'A model behind any address that speaks OpenAI’s Chat Completions; kept in the settings',
      choose: () => askEndpoint(url, model),
    },
    { label: '$(regex) Regular expression…', detail: 'Better is what it is found in', choose: askPattern },
    {
      label: '$(check) Exact match',
      detail: 'Better is what is the dataset’s chosen response',
      choose: async () => ({ kind: 'rule', rule: 'exact' }),
    },
    {
      label: '$(arrow-down) Shorter',
      detail: 'Better is the text with fewer characters',
      choose: async () => ({ kind: 'rule', rule: 'shorter' }),
    },
    {
      label: '$(arrow-up) Longer',
      detail: 'Better is the text with more characters',
      choose: async () => ({ kind: 'rule', rule: 'longer' }),
    },
  );
  const picked = await vscode.window.showQuickPick(items, { title: 'Judge', placeHolder: 'Who, or what, judges?', matchOnDetail: true });
  return picked?.choose();
}

const endpoint = (url: string, model: string): Judge => ({ kind: 'endpoint', url, model, max_tokens: JUDGE_DEFAULTS.maxTokens });

async function askEndpoint(before: string, modelBefore: string): Promise<Judge | undefined> {
  const url = await vscode.window.showInputBox({
    title: 'Address of the Judge',
    prompt: 'For example https://api.openai.com/v1, or http://localhost:8000/v1; /chat/completions is added',
    value: before,
    ignoreFocusOut: true,
    validateInput: (text) => problemOf(() => requireAddress(text.trim())),
  });
  if (url === undefined) return undefined;
  const model = await vscode.window.showInputBox({
    title: 'Model of the Judge',
    prompt: 'Its name there',
    value: modelBefore,
    ignoreFocusOut: true,
    validateInput: (text) => (text.trim() === '' ? 'Type a name.' : undefined),
  });
  if (model === undefined) return undefined;
  const settings = vscode.workspace.getConfiguration('wishbone');
  await settings.update('judge.url', url.trim(), vscode.ConfigurationTarget.Global);
  await settings.update('judge.model', model.trim(), vscode.ConfigurationTarget.Global);
  return endpoint(url.trim(), model.trim());
}

async function askPattern(): Promise<Judge | undefined> {
  const rule = (pattern: string): Judge & { readonly kind: 'rule' } => ({ kind: 'rule', rule: 'regex', pattern });
  const pattern = await vscode.window.showInputBox({
    title: 'Regular Expression',
    prompt: 'As JavaScript has them; better is the text that it is found in',
    ignoreFocusOut: true,
    validateInput: (text) => problemOf(() => ruleOf(rule(text))),
  });
  return pattern === undefined ? undefined : rule(pattern);
}

export async function chooseCount(): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: 'Prompts',
    prompt: 'How many different prompts, of those that the run does not train on',
    value: String(JUDGE_DEFAULTS.count),
    validateInput: (typed) =>
      /^\d{1,6}$/.test(typed.trim()) && Number(typed) >= 1 && Number(typed) <= MOST_PROMPTS ? undefined : 'Type a whole number above 0.',
  });
  return text === undefined ? undefined : Number(text);
}

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof WishboneError) return `${sentence(error.what)}: ${error.advice}.`;
    throw error;
  }
}
