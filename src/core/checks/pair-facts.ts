import { createHash } from 'node:crypto';
import { isFields, type Fields } from '../dataset/fields.js';
import { contentOf } from './pair-checks.js';
import { valueAt, type Part, type PlacedPair } from './pair-texts.js';

/** What a pair is compared with others by. Holds nothing of its texts. */
export interface PairFacts {
  /** Hashes of what each part says, however it is written. */
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  /** Hash of what is asked, the same for every pair of answers; undefined where nothing is. */
  readonly question: string | undefined;
  /** Characters (UTF-16 units) of the prompt and of each response. */
  readonly promptLength: number;
  readonly chosenLength: number;
  readonly rejectedLength: number;
  /** Paths of the fields that hold the prompt and the chosen response. */
  readonly promptPath: string;
  readonly chosenPath: string;
  /** The models that wrote the responses, where the row says so. */
  readonly writers: { readonly chosen: string; readonly rejected: string } | undefined;
}

export function factsOf({ prompt, chosen, rejected }: PlacedPair, fields: Fields): PairFacts {
  const promptHash = hashOf(prompt);
  return {
    prompt: promptHash,
    chosen: hashOf(chosen),
    rejected: hashOf(rejected),
    question: questionOf(prompt, promptHash),
    promptLength: lengthOf(prompt),
    chosenLength: lengthOf(chosen),
    rejectedLength: lengthOf(rejected),
    promptPath: prompt.path,
    chosenPath: chosen.path,
    writers: writersOf(fields, chosen.path, rejected.path),
  };
}

/** Twelve characters (72 bits): two of a billion different texts share them with a probability of one in ten thousand. */
function hashOf({ texts }: Part): string {
  return createHash('sha1')
    .update(JSON.stringify(texts.map(contentOf)))
    .digest('base64')
    .slice(0, 12);
}

/**
 * A prompt that is cut from two plain texts ends where they part, so it may hold the first words of both answers: in
 * dialogues as HH-RLHF writes them, what follows the last speaker's name is left out.
 */
function questionOf(prompt: Part, promptHash: string): string | undefined {
  if (lengthOf(prompt) === 0) return undefined;
  const { texts } = prompt;
  const [only] = texts;
  const end = texts.length === 1 && only !== undefined ? only.text.lastIndexOf('\n\nAssistant:') : -1;
  return end <= 0 ? promptHash : hashOf({ ...prompt, texts: [{ ...only!, text: only!.text.slice(0, end) }] });
}

function lengthOf({ texts }: Part): number {
  return texts.reduce((sum, { text }) => sum + text.length, 0);
}

const SOURCE_NAMES = ['source', 'dataset', 'dataset_name', 'subset', 'origin', 'domain', 'category', 'task'];
/** Longer texts under these names are no labels. */
const LONGEST_LABEL = 100;

/** What a row says of where it comes from: the first of the fields that sets are usually labelled by. */
export function sourceOf(fields: Fields): string | undefined {
  for (const name of SOURCE_NAMES) {
    const label = labelOf(fields, name);
    if (label !== undefined) return label;
  }
  return undefined;
}

function writersOf(fields: Fields, chosenPath: string, rejectedPath: string): PairFacts['writers'] {
  const writer = (side: string, path: string): string | undefined => {
    for (const name of [`${side}_model`, `${side}-model`]) {
      const label = labelOf(fields, name);
      if (label !== undefined) return label;
    }
    // UltraFeedback names the model beside each completion's text.
    const beside = valueAt(fields, path.replace(/\.[^.]*$/, ''));
    return path.includes('.') && isFields(beside) ? labelOf(beside, 'model') : undefined;
  };
  const [chosen, rejected] = [writer('chosen', chosenPath), writer('rejected', rejectedPath)];
  return chosen === undefined || rejected === undefined ? undefined : { chosen, rejected };
}

function labelOf(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_LABEL ? value : undefined;
}
