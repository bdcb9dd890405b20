import path from 'node:path';

import { isActive, type RunListing, type RunState } from '../../core/run/index.js';
import { modelName } from '../../core/hub/cache.js';

type Readable = Exclude<RunListing, { problem: Error }>;

const STATES: readonly RunState[] = ['planned', 'queued', 'starting', 'running', 'stopping', 'finished', 'stopped', 'failed', 'crashed'];

/** What somebody typed to see some of the runs: `words #tag state:failed dataset:pairs.jsonl`. */
export interface RunFilter {
  /** Each must be in the name, the id, a tag, or the name of model or dataset. */
  readonly words: readonly string[];
  /** Each must be one of the run's. */
  readonly tags: readonly string[];
  /** One of them must be the beginning of how the run stands; `active` is any state in which it works. */
  readonly states: readonly string[];
  /** One of them must be part of the dataset's name. */
  readonly datasets: readonly string[];
}

/** Reads a filter as it is typed; a value with spaces stands in quotes. What begins like a term and has no value yet counts for nothing. */
export function parseFilter(text: string): RunFilter {
  const filter = { words: [] as string[], tags: [] as string[], states: [] as string[], datasets: [] as string[] };
  for (const term of termsOf(text)) {
    const [, kind, value] = /^(#|tag:|state:|dataset:)(.*)$/is.exec(term) ?? [];
    const wanted = (value ?? term).replaceAll('"', '').toLowerCase();
    const list = { '#': filter.tags, 'tag:': filter.tags, 'state:': filter.states, 'dataset:': filter.datasets }[kind?.toLowerCase() ?? ''];
    if (wanted !== '') (list ?? filter.words).push(wanted);
  }
  return filter;
}

function termsOf(text: string): string[] {
  return text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** Whether a run is among those that a filter lets through. One that cannot be read has a folder's name and no more. */
export function matchesFilter(listing: RunListing, { words, tags, states, datasets }: RunFilter): boolean {
  const has = (text: string, part: string): boolean => text.toLowerCase().includes(part);
  if (listing.problem !== undefined) {
    const name = path.basename(listing.folder);
    return tags.length + states.length + datasets.length === 0 && words.every((word) => has(name, word));
  }
  const { config, state } = listing;
  const own = listing.tags.map((tag) => tag.toLowerCase());
  const dataset = path.basename(config.dataset.path);
  const texts = [config.name, dataset, modelName(config.model.path), ...own];
  return (
    // An id is digits mostly: a few of them are in too many.
    words.every((word) => texts.some((text) => has(text, word)) || (word.length >= 6 && has(config.id, word))) &&
    tags.every((tag) => own.includes(tag)) &&
    (datasets.length === 0 || datasets.some((part) => has(dataset, part))) &&
    (states.length === 0 || states.some((wanted) => state.startsWith(wanted) || (wanted === 'active' && isActive(state))))
  );
}

/** What could be typed next: a term, and how many runs it would leave. */
export interface Suggestion {
  readonly kind: 'state' | 'tag' | 'dataset';
  readonly term: string;
  readonly count: number;
}

/** Terms that some run has and the filter does not: of tags, states and datasets, those of most runs first. */
export function suggestions(listings: readonly RunListing[], text: string): Suggestion[] {
  const present = new Set(termsOf(text).map((term) => term.toLowerCase()));
  const readable = listings.filter((listing): listing is Readable => listing.problem === undefined);
  const shown = readable.filter((listing) => matchesFilter(listing, parseFilter(text)));
  const count = (kind: Suggestion['kind'], terms: (listing: Readable) => readonly string[]): Suggestion[] => {
    const counts = new Map<string, number>();
    // A second state widens what is shown, a tag narrows it.
    const among = kind === 'tag' ? shown : readable;
    for (const listing of among) for (const term of terms(listing)) counts.set(term, (counts.get(term) ?? 0) + 1);
    return [...counts]
      .filter(([term]) => !present.has(term.toLowerCase()))
      .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
      .map(([term, runs]) => ({ kind, term, count: runs }));
  };
  const order = (a: Suggestion, b: Suggestion): number =>
    STATES.indexOf(a.term.slice('state:'.length) as RunState) - STATES.indexOf(b.term.slice('state:'.length) as RunState);
  return [
    ...count('state', ({ state }) => [`state:${state}`]).sort(order),
    ...count('tag', ({ tags }) => tags.map((tag) => `#${tag}`)),
    ...count('dataset', ({ config }) => [`dataset:${quoted(path.basename(config.dataset.path))}`]),
  ];
}

function quoted(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}

/** Orders of the view, with what people call them. */
export const SORTS = {
  newest: 'Newest first',
  name: 'Name',
  loss: 'Loss, lowest first',
  best: 'Best evaluation, lowest loss first',
  accuracy: 'Accuracy, highest first',
  state: 'State',
} as const;
export type RunSort = keyof typeof SORTS;

/** Runs in an order; those there is no value of come last, newest first among equals. */
export function sortedListings(listings: readonly RunListing[], sort: RunSort): RunListing[] {
  const key = (listing: RunListing): number | string | undefined => {
    if (listing.problem !== undefined) return undefined;
    const { config, figures, state } = listing;
    switch (sort) {
      case 'newest':
        return 0;
      case 'name':
        return config.name;
      case 'loss':
        return figures?.loss;
      case 'best':
        return figures?.best?.loss;
      case 'accuracy':
        return figures?.accuracy === undefined ? undefined : -figures.accuracy;
      case 'state':
        // Those at work first: they are what one looks for.
        return isActive(state) ? 0 : 1 + STATES.indexOf(state);
    }
  };
  const created = (listing: RunListing): string => (listing.problem === undefined ? listing.config.created : '');
  return [...listings].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x !== y) {
      if (x === undefined) return 1;
      if (y === undefined) return -1;
      const order = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), 'en', { numeric: true });
      if (order !== 0) return order;
    }
    return created(a) < created(b) ? 1 : created(a) > created(b) ? -1 : 0;
  });
}
