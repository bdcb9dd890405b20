import type { RunEvent } from '../events/events.js';

/** What the wall time of a run goes to, in the order in which it comes; what a later runner names is `other`. */
const TIME_PHASES = [
  'start',
  'load',
  'ceiling',
  'reference',
  'train',
  'communication',
  'evaluation',
  'samples',
  'checkpoints',
  'export',
  'other',
] as const;
export type TimePhase = (typeof TIME_PHASES)[number];

/** Their names in a text. */
export const TIME_WORDS: Readonly<Record<TimePhase, string>> = {
  start: 'start',
  load: 'load',
  ceiling: 'measuring this machine',
  reference: 'reference',
  train: 'training',
  communication: 'waiting for other devices',
  evaluation: 'evaluation',
  samples: 'samples',
  checkpoints: 'waiting for checkpoints',
  export: 'export',
  other: 'other',
};

/** Where the time of a run went, over all its starts. */
export interface TimeSpent {
  /** Seconds of each that took any. */
  readonly seconds: Readonly<Partial<Record<TimePhase, number>>>;
  /** Sum of all, in seconds. */
  readonly total: number;
  /** Times that the run was started. */
  readonly sessions: number;
  /**
   * Of these, so many did not say themselves where their time went, since they were cut short or go on: theirs is taken from the
   * times of their events, by which what is waited for checkpoints and samples counts as training.
   */
  readonly estimated: number;
}

interface Session {
  seconds: Map<TimePhase, number>;
  phase: TimePhase;
  /** When it began, in milliseconds. */
  since: number;
  /** Seconds of the phase under way that were something else. */
  carved: number;
  /** Whether the runner has said all of it itself. */
  isTold: boolean;
}

/** Adds up where the time of a run goes, from its events. */
export class PhaseClock {
  #sessions: Session[] = [];

  clear(): void {
    this.#sessions = [];
  }

  /** @param before the event before it, where there is one */
  add(event: RunEvent, before: RunEvent | undefined): void {
    const session = this.#sessions.at(-1);
    if (event.type === 'start') {
      // Killed: what it did after its last event is not known.
      if (session !== undefined && !session.isTold && before !== undefined) settle(session, before.time);
      this.#sessions.push({ seconds: new Map(), phase: 'start', since: Date.parse(event.time), carved: 0, isTold: false });
      return;
    }
    if (session === undefined || session.isTold) return;
    switch (event.type) {
      case 'phase':
        settle(session, event.time);
        session.phase = event.phase;
        break;
      case 'eval':
        addTo(session.seconds, 'evaluation', event.seconds);
        session.carved += event.seconds;
        break;
      case 'finished':
      case 'stopped':
        if (event.phases !== undefined) {
          session.seconds = told(event.phases);
          session.isTold = true;
        } else settle(session, event.time);
        break;
      case 'failed':
        settle(session, event.time);
        break;
    }
  }

  /** @param last the log's last event, up to which the phase under way counts; undefined before the first start */
  spent(last: RunEvent | undefined): TimeSpent | undefined {
    if (this.#sessions.length === 0) return undefined;
    const sums = new Map<TimePhase, number>();
    this.#sessions.forEach((session, i) => {
      const isLast = i === this.#sessions.length - 1;
      const own = { ...session, seconds: new Map(session.seconds) };
      if (isLast && !session.isTold && last !== undefined) settle(own, last.time);
      for (const [phase, seconds] of own.seconds) addTo(sums, phase, seconds);
    });
    const parts = TIME_PHASES.flatMap((phase) => ((sums.get(phase) ?? 0) > 0 ? [[phase, sums.get(phase)!] as const] : []));
    return {
      seconds: Object.fromEntries(parts),
      total: parts.reduce((sum, [, seconds]) => sum + seconds, 0),
      sessions: this.#sessions.length,
      estimated: this.#sessions.filter(({ isTold }) => !isTold).length,
    };
  }
}

/** The time up to now goes to the phase that was under way. */
function settle(session: Session, time: string): void {
  const now = Date.parse(time);
  // A clock that was set back makes no time.
  addTo(session.seconds, session.phase, Math.max(0, (now - session.since) / 1000 - session.carved));
  session.since = now;
  session.carved = 0;
}

function told(phases: Readonly<Record<string, number>>): Map<TimePhase, number> {
  const seconds = new Map<TimePhase, number>();
  for (const [name, took] of Object.entries(phases)) addTo(seconds, TIME_PHASES.find((known) => known === name) ?? 'other', took);
  return seconds;
}

function addTo(seconds: Map<TimePhase, number>, phase: TimePhase, more: number): void {
  seconds.set(phase, (seconds.get(phase) ?? 0) + more);
}

/** The part of the time that was training, or undefined where there was no time. */
export function trainingShare({ seconds, total }: Pick<TimeSpent, 'seconds' | 'total'>): number | undefined {
  return total > 0 ? (seconds.train ?? 0) / total : undefined;
}
