import { datasetName, isActive, rowOf, type RunListing, type RunState } from '../../core/run/index.js';
import { checkFilter, type FilterProblem, matches, parseFilter, termsOf } from '../../core/run-table/index.js';
import { sentence } from '../../format.js';

type Readable = Exclude<RunListing, { problem: Error }>;

const STATES: readonly RunState[] = ['planned', 'queued', 'starting', 'running', 'stopping', 'finished', 'stopped', 'failed', 'crashed'];

export interface FilteredRuns {
  readonly shown: readonly RunListing[];
  /** Why a term counts for nothing. */
  readonly problem: FilterProblem | undefined;
}

/** The runs that a filter lets through, in their order. One that cannot be read has a folder's name and no more. */
export function filteredRuns(listings: readonly RunListing[], text: string): FilteredRuns {
  const rows = listings.map(rowOf);
  const { sound, problem } = checkFilter(parseFilter(text), rows);
  return { shown: listings.filter((_, at) => matches(rows[at]!, sound)), problem };
}

export const filterProblemText = ({ what, advice }: FilterProblem): string => `${sentence(what)}: ${advice}.`;

/** What could be typed next: a term, and how many runs it would leave. */
export interface Suggestion {
  readonly kind: 'state' | 'tag' | 'dataset';
  readonly term: string;
  readonly count: number;
}

/** Terms that some run has and the filter does not: of tags, states and datasets, those of most runs first. */
export function suggestions(listings: readonly RunListing[], text: string): Suggestion[] {
  const present = new Set(termsOf(text).map((term) => term.toLowerCase()));
  const isReadable = (listing: RunListing): listing is Readable => listing.problem === undefined;
  const readable = listings.filter(isReadable);
  const shown = filteredRuns(listings, text).shown.filter(isReadable);
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
    ...count('dataset', ({ config }) => [`dataset:${quoted(datasetName(config.dataset))}`]),
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
