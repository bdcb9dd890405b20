import path from 'node:path';
import { Dataset, findSources, type MessagePair, type PairText, parseColumns, readOptionsOf } from '../../dataset/index.js';
import { WishboneError } from '../../errors.js';
import { placeOf } from '../../pairs/place.js';
import { readPlanPairs } from '../../plan/index.js';
import { EVAL_PLAN_FILE } from '../../run/folder.js';
import { type DatasetReference, readRun, type RunConfig } from '../../run/index.js';
import type { EvaluationPrompt } from './messages.js';

/** Prompts, and characters of all together, that are kept in memory; a larger set ends there. */
const MOST_PROMPTS = 5_000;
const MOST_CHARACTERS = 32_000_000;

/** A prompt without its place among the others. */
type Found = Omit<EvaluationPrompt, 'index'>;

/**
 * The different prompts of a run's evaluation set, in the order of its files, each with the responses of its first pair.
 *
 * @throws WishboneError when the run does not evaluate, or a file is gone or can no longer be read
 */
export async function evaluationPrompts(folder: string): Promise<EvaluationPrompt[]> {
  const { config, folder: run } = await readRun(folder);
  const dataset = config.eval_dataset;
  if (dataset === undefined) {
    const advice = 'give an evaluation set, or hold out a part of the data, in a new run';
    throw new WishboneError('the run has no evaluation set', run, advice);
  }
  const { pairRow } = await readPlanPairs(path.join(run, EVAL_PLAN_FILE));
  const prompts = new Map<string, EvaluationPrompt>();
  let characters = 0;
  for await (const found of pairsOfRows(dataset, config, new Set(pairRow))) {
    const { system, before, prompt, chosen, rejected } = found;
    const key = JSON.stringify([system, before, prompt]);
    if (prompts.has(key)) continue;
    prompts.set(key, { index: prompts.size, ...found });
    characters += key.length + chosen.length + rejected.length;
    if (prompts.size >= MOST_PROMPTS || characters >= MOST_CHARACTERS) break;
  }
  if (prompts.size === 0) {
    const advice = 'put its files back as they were when the run was made';
    throw new WishboneError('no prompt of the evaluation set is in its files any more', dataset.path, advice);
  }
  return [...prompts.values()];
}

async function* pairsOfRows(dataset: DatasetReference, { plan }: RunConfig, rows: ReadonlySet<number>): AsyncGenerator<Found> {
  const wanted = rowsByFile(dataset, rows);
  for (const source of await findSources(dataset.names ?? dataset.path, parseColumns(plan.columns))) {
    const own = wanted.get(source.path);
    if (own === undefined) continue;
    const last = Math.max(...own.keys());
    // As it was read for the plan.
    const file = await Dataset.open(source.path, readOptionsOf(source, plan));
    for await (const outcome of file.outcomes()) {
      if (outcome.row > last) break;
      if ('error' in outcome) {
        if (outcome.isLast) throw outcome.error;
        continue;
      }
      if (!own.has(outcome.row)) continue;
      const found = foundIn(outcome.pair, source.path, outcome.row);
      if (found !== undefined) yield found;
    }
  }
}

/** Rows by file, from 0 in each. */
function rowsByFile(dataset: DatasetReference, rows: ReadonlySet<number>): Map<string, Set<number>> {
  const files = new Map<string, Set<number>>();
  for (const row of rows) {
    const { file = dataset.path, fileRow } = placeOf(dataset, row);
    const own = files.get(file) ?? new Set();
    files.set(file, own.add(fileRow - 1));
  }
  return files;
}

/** A pair as something that can be said; undefined for a conversation that a person and a model could not have had. */
function foundIn(pair: PairText, file: string, row: number): Found | undefined {
  const place = { file, row: row + 1 };
  if (pair.kind === 'text') {
    const { prompt, chosen, rejected } = pair;
    return { ...place, system: '', before: [], prompt, plain: true, chosen, rejected, note: '' };
  }
  const [first, ...others] = pair.prompt;
  const [system, messages] = first?.role === 'system' ? [first.content ?? '', others] : ['', pair.prompt];
  const before: { user: string; assistant: string }[] = [];
  for (let i = 0; i + 2 < messages.length; i += 2) {
    const [user, assistant] = [messages[i]!, messages[i + 1]!];
    if (user.role !== 'user' || assistant.role !== 'assistant') return undefined;
    before.push({ user: user.content ?? '', assistant: assistant.content ?? '' });
  }
  const asked = messages.at(-1);
  if (messages.length % 2 === 0 || asked?.role !== 'user' || typeof asked.content !== 'string') return undefined;
  return {
    ...{ ...place, system, before, prompt: asked.content, plain: false },
    ...{ chosen: textOf(pair.chosen), rejected: textOf(pair.rejected), note: noteOf(pair) },
  };
}

const textOf = (messages: MessagePair['chosen']): string => messages.map(({ content }) => content ?? '').join('\n\n');

function noteOf({ tools, documents, chatTemplateKwargs }: MessagePair): string {
  const beside = [
    ...(tools === undefined ? [] : ['tools']),
    ...(documents === undefined ? [] : ['documents']),
    ...(chatTemplateKwargs === undefined ? [] : ['variables of the chat template']),
  ];
  return beside.length === 0 ? '' : `The row also gives the model ${beside.join(' and ')}, which are not asked with here`;
}
