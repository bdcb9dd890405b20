import type { MessagePort } from 'node:worker_threads';

/** What a thread that renders chat templates is started with (`workerData`). */
export interface EngineTask {
  /** {@link SharedState} */
  readonly shared: SharedArrayBuffer;
  readonly files: EngineFiles;
  readonly limits: EngineLimits;
  /** Requests come through it, answers go out. */
  readonly port: MessagePort;
}

/** Files of the interpreter, absolute. */
export interface EngineFiles {
  /** Folder with `pyodide.asm.wasm`, CPython compiled to WebAssembly, and `python_stdlib.zip`, its library. */
  readonly python: string;
  /** Its memory after it imported Jinja2 (scripts/template-engine.mjs). */
  readonly memory: string;
  /** `render.py`, which it runs. */
  readonly program: string;
}

export interface EngineLimits {
  /** Longest time for one text, in milliseconds. */
  readonly time: number;
  /** Most memory of the interpreter, in bytes. */
  readonly memory: number;
}

/** Indices of the 32-bit numbers that both threads see. */
export const SharedState = {
  /** Answers so far; waited on. */
  answers: 0,
  /** Texts begun since the request came. */
  begun: 1,
  /** Goes on while the interpreter can be interrupted. */
  beats: 2,
  /** Line of the template that runs, in a traced request. */
  line: 3,
  length: 4,
} as const;

/** Asks for the texts of jobs, which are JSON texts on a line each ({@link RenderJob}). */
export interface RenderRequest {
  readonly jobs: string;
  /** ISO date and time for `strftime_now`; empty: the clock's. */
  readonly now: string;
  /** Whether to keep {@link SharedState}.line, which is slow. */
  readonly traced: boolean;
}

/** The JSON of a job: a template and conversations that begin alike. */
export interface RenderJob {
  /** The template's text. */
  readonly template: string;
  /** How all conversations begin. */
  readonly messages: readonly unknown[];
  readonly tools: readonly unknown[] | null;
  readonly documents: readonly unknown[] | null;
  /** Special tokens and whatever else the template is given by name. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** How they go on: a text each. */
  readonly parts: readonly { readonly messages: readonly unknown[]; readonly addGenerationPrompt: boolean }[];
}

/** What became of a job: its texts, or why it has none. */
export type RenderResult = readonly string[] | RenderFailure;

export interface RenderFailure {
  readonly kind:
    /** The template is no Jinja. */
    | 'syntax'
    /** It refuses what it was given, in words of its own. */
    | 'refused'
    /** An operation in it is impossible: Python's or Jinja's words. */
    | 'failed'
    /** A limit was reached. */
    | 'time'
    | 'memory'
    | 'depth';
  readonly message: string;
  /** Line of the template, from 1. */
  readonly line?: number | null;
  /** Variables of the loops that took too long, the outermost first. */
  readonly loops?: readonly string[];
}

/** What the thread sends, one message a request after `ready`. */
export type EngineAnswer =
  | { readonly type: 'ready' }
  /** @param results JSON of {@link RenderResult}[] */
  | { readonly type: 'rendered'; readonly results: string }
  /** The interpreter broke down; the thread ends. */
  | { readonly type: 'lost'; readonly message: string };
