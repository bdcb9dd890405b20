import type { RunEvent } from '../events/events.js';
import type { Network } from '../download/index.js';
import type { DescribedRun } from './described.js';
import type { Variables } from './places.js';

/** How a run ended that says so itself, or whose process is gone. */
export type Ending = 'finished' | 'stopped' | 'failed';

/** What is there to send. */
export interface Shipment {
  readonly events: readonly RunEvent[];
  /** As its folder says now. */
  readonly run: DescribedRun;
  /** The process is gone without a word, and no events follow: when that was seen, ISO 8601. */
  readonly crashed?: string | undefined;
  /** The model card, once the run has exported a model; Markdown. */
  readonly card?: string | undefined;
}

/** What all trackers are made with. */
export interface TrackerContext {
  /** Of the run there: its key in `trackers.json`. */
  readonly key: string;
  /** Absolute: of the run. */
  readonly folder: string;
  readonly variables: Variables;
  readonly network: Network;
  /** What was last kept of it. */
  readonly remote: Readonly<Record<string, string>>;
  /** Keeps what is to be known when it goes on, and the run's page, at once. */
  readonly keep: (remote: Readonly<Record<string, string>>, url?: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Where events go. */
export interface Tracker {
  /**
   * Sends events, in their order. They are the tracker's for good when it resolves; when it rejects, the same and more are sent again, which
   * must not double any.
   *
   * @returns what is to be known when it goes on, if that has changed: kept together with how far the tracker is
   * @throws WishboneError for what will be refused again; ConnectionError where trying again may help
   */
  send(shipment: Shipment): Promise<Readonly<Record<string, string>> | undefined>;
}
