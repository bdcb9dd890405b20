// Processes, their memory and threads, as Linux tells of them.
import { readdirSync, readFileSync } from 'node:fs';

function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function residentOf(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Of the processes below `pid` whose command line matches, the one with the most memory; undefined when there is none. */
export function processOf(pid, pattern) {
  const all = [];
  const visit = (parent) => {
    for (const child of childrenOf(parent)) {
      try {
        if (pattern.test(readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' '))) all.push(child);
      } catch {
        // It has ended.
      }
      visit(child);
    }
  };
  visit(pid);
  return all.sort((a, b) => residentOf(b) - residentOf(a))[0];
}

/** How many threads a process has; 0 for one that is gone. */
export function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

/** Watches the resident memory of processes, in bytes. */
export class MemoryWatch {
  #found = {};
  #timer;

  /** @param processes by name, a function that finds the process */
  constructor(processes) {
    for (const [name, find] of Object.entries(processes)) {
      const pid = find();
      const before = residentOf(pid);
      this.#found[name] = { pid, before, peak: before };
    }
    this.#timer = setInterval(() => {
      for (const found of Object.values(this.#found)) found.peak = Math.max(found.peak, residentOf(found.pid));
    }, 100);
  }

  /** Ends the watch; memory before it and the most during it. */
  end() {
    clearInterval(this.#timer);
    return this.#found;
  }
}
