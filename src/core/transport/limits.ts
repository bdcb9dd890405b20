import { readFileSync, writeFileSync } from 'node:fs';

/** What a process may take before it is ended. */
export interface Limits {
  /** Bytes of memory in use (its resident set, without pages it shares with files), its threads' included. */
  readonly memory: number;
  /** Seconds of processor time without a sign of life: code that has no end, rather than a machine that is busy. */
  readonly busy: number;
}

/** Which of them a process has passed. */
export type Breach = keyof Limits;

/** Milliseconds between two looks. */
const PERIOD = 200;
/** Looks without a sign of life after which a process that does nothing at all is given up: some minutes. */
const MOST_SILENT = 900;
/** Of the times in /proc; the same on all Linux that Node.js runs on. */
const TICKS_A_SECOND = 100;
const PAGE = 4096;

/**
 * Looks at a process every now and then. On systems without /proc nothing is seen, and nothing ends.
 *
 * @param ask asks it for a sign of life, which is given to `answered` of the result
 * @param onBreach called once
 */
export function watchLimits(
  pid: number,
  limits: Limits,
  ask: () => void,
  onBreach: (breach: Breach) => void,
): { readonly answered: () => void; readonly stop: () => void } {
  preferToEnd(pid);
  let hasAnswered = true;
  let silentLooks = 0;
  let asked = 0;
  const end = (breach: Breach): void => {
    clearInterval(timer);
    onBreach(breach);
  };
  const timer = setInterval(() => {
    const seen = look(pid);
    // A process that was stopped (by a debugger, say) shows no sign of life either.
    if (seen === undefined || seen.isStopped) return;
    if (seen.memory > limits.memory) return end('memory');
    if (hasAnswered) {
      hasAnswered = false;
      silentLooks = 0;
      asked = seen.seconds;
      ask();
    } else if (seen.seconds - asked > limits.busy || ++silentLooks > MOST_SILENT) {
      end('busy');
    }
  }, PERIOD);
  timer.unref();
  return { answered: () => (hasAnswered = true), stop: () => clearInterval(timer) };
}

function look(pid: number): { readonly memory: number; readonly seconds: number; readonly isStopped: boolean } | undefined {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
    return { memory: (resident - shared) * PAGE, seconds, isStopped: fields[0] === 'T' || fields[0] === 't' };
  } catch {
    return undefined;
  }
}

/** Where memory runs out before anybody looks, the kernel ends this process before those that somebody works with. */
function preferToEnd(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '900');
  } catch {
    // It is a courtesy, not a need.
  }
}
