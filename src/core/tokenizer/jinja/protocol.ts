import type { MessagePort } from 'node:worker_threads';
import { Shared } from '../../transport/blocking.js';

/** What a thread that renders chat templates is started with (`workerData`). */
export interface EngineConnection {
  /** {@link SharedState} */
  readonly shared: SharedArrayBuffer;
  /** {@link EngineCalls} come through it, answers go out. */
  readonly port: MessagePort;
}

/** What the thread can be asked. After either call has thrown, the thread is of no more use. */
export interface EngineCalls {
  /** Comes first. */
  start(task: { readonly files: EngineFiles; readonly limits: EngineLimits }): void;
  /** @returns JSON of {@link RenderResult}[] */
  render(request: RenderRequest): string;
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
  /** Goes on while the interpreter can be interrupted. */
  beats: Shared.beats,
  /** Line of the template that runs, in a traced request. */
  line: Shared.own,
  length: Shared.own + 1,
} as const;

/** Asks for the texts of jobs. */
export interface RenderRequest {
  /** Texts of templates. */
  readonly templates: readonly string[];
  /** A line each: number of the template, a space, JSON text of {@link RenderInput}. */
  readonly jobs: string;
  /** ISO date and time for `strftime_now`; empty: the clock's. */
  readonly now: string;
  /** Whether to keep {@link SharedState}.line, which is slow. */
  readonly traced: boolean;
}

/** A template and what it is rendered with. */
export interface RenderJob {
  /** The template's text. */
  readonly template: string;
  /** JSON text of {@link RenderInput}. */
  readonly input: string;
}

/** Conversations that begin alike. */
export interface RenderInput {
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
  readonly kind: /** The template is no Jinja. */
    | 'syntax'
    /** It refuses what it was given, in words of its own. */
    | 'refused'
    /** An operation in it is impossible: Python's or Jinja's words. */
    | 'failed'
    /** A limit was reached. */
    | 'time'
    | 'memory'
    | 'length'
    | 'depth';
  readonly message: string;
  /** Class of Python's exception. */
  readonly error?: string;
  /** Line of the template, from 1. */
  readonly line?: number | null;
  /** Variables of the loops that took too long, the outermost first. */
  readonly loops?: readonly string[];
}
