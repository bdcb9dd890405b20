import { fetchAll, type FetchProgress, type HubPlan, type HubSettings } from '../../core/hub/index.js';
import { freeBytes } from '../../core/run/disk.js';
import type { DownloadsView } from '../../protocol/launch.js';
import { fetchText, planText, routeText } from './hub-text.js';

/** Milliseconds between two reports: a page is drawn anew for each. */
const REPORT_EVERY = 200;
const STOPPED = 'Stopped. What came is kept, and the download goes on from there.';

/** Downloads for one form: what there is to fetch, how far it is, and the way out. */
export class Downloads {
  readonly #settings: () => Promise<HubSettings>;
  readonly #onChange: () => void;
  #plans: readonly HubPlan[] = [];
  #route = '';
  #said = '';
  #running: { readonly abort: AbortController; progress: FetchProgress | undefined } | undefined;
  #reported = 0;

  constructor(settings: () => Promise<HubSettings>, onChange: () => void) {
    this.#settings = settings;
    this.#onChange = onChange;
  }

  /** Says what is to be fetched; while something is being fetched that is left as it is. */
  async want(plans: readonly HubPlan[]): Promise<void> {
    if (this.#running !== undefined || plans === this.#plans) return;
    this.#plans = plans;
    this.#said = '';
    if (plans.length > 0) {
      const settings = await this.#settings();
      const free = await freeBytes(settings.cache);
      if (this.#plans !== plans) return;
      this.#route = routeText(plans, settings, free);
    }
    this.#onChange();
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get view(): DownloadsView {
    const items = this.#plans.map(planText);
    if (this.#running !== undefined) {
      const { progress } = this.#running;
      const text = progress === undefined ? 'Connecting' : fetchText(progress);
      return { kind: 'running', items, route: this.#route, text, fraction: progress === undefined ? 0 : fractionOf(progress) };
    }
    return items.length === 0 ? { kind: 'none' } : { kind: 'wanted', items, route: this.#route, said: this.#said };
  }

  /**
   * Fetches what is wanted.
   *
   * @returns false when it was cancelled
   * @throws WishboneError when it cannot be had; what has come stays
   */
  async fetch(): Promise<boolean> {
    if (this.#running !== undefined) return false;
    const running = (this.#running = { abort: new AbortController(), progress: undefined as FetchProgress | undefined });
    const { signal } = running.abort;
    this.#said = '';
    this.#onChange();
    try {
      await fetchAll(await this.#settings(), this.#plans, {
        signal,
        onProgress: (progress) => {
          running.progress = progress;
          const now = performance.now();
          if (now - this.#reported < REPORT_EVERY) return;
          this.#reported = now;
          this.#onChange();
        },
      });
      return true;
    } catch (error) {
      this.#said = STOPPED;
      if (signal.aborted) return false;
      throw error;
    } finally {
      this.#running = undefined;
      this.#onChange();
    }
  }

  /** Ends a download under way. */
  cancel(): void {
    this.#running?.abort.abort();
  }
}

const fractionOf = ({ done, total }: FetchProgress): number => (total > 0 ? Math.min(1, done / total) : 0);
