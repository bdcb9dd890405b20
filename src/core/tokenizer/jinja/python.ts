import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { PyodideAPI } from 'pyodide';
import type { EngineFiles, EngineLimits } from './protocol.js';

/** A CPython that knows Jinja2 and nothing of the machine: no files, no network, no environment, no JavaScript. */
export interface Interpreter {
  /** `render` of `render.py`. @throws Error when the interpreter broke down */
  render(templates: string, jobs: string, now: string, traced: boolean): string;
}

/** What the interpreter tells while it works. */
export interface Watcher {
  /** It wrote to its file 2. */
  wrote(bytes: Uint8Array): void;
  /** It looks up, every few dozen instructions; true interrupts it. */
  beat(): boolean;
}

/** What Emscripten is told of a module that it starts; only what is used here. */
interface EmscriptenSettings {
  readonly instantiateWasm: (imports: Readonly<Record<string, object>>, done: (instance: object) => void) => object;
}
type ModuleFactory = (settings: EmscriptenSettings) => Promise<unknown>;

/**
 * Starts an interpreter from its memory as it was after it had imported Jinja2, which takes a tenth of the time that
 * starting and importing takes.
 */
export async function startPython(files: EngineFiles, limits: EngineLimits, watcher: Watcher): Promise<Interpreter> {
  const [{ loadPyodide }, { default: create }, program] = await Promise.all([
    import('pyodide'),
    // @ts-expect-error: it has no types
    import('pyodide/pyodide.asm.mjs') as Promise<{ default: ModuleFactory }>,
    readFile(files.program, 'utf8'),
  ]);
  const options = {
    indexURL: files.python,
    // Read when it is asked for, and kept nowhere.
    // biome-ignore lint/suspicious/noThenProperty: Pyodide awaits it
    _loadSnapshot: { then: (done: (memory: Uint8Array) => void) => done(readFileSync(files.memory)) },
    createPyodideModule: limitedModule(create, limits.memory),
    // There are no packages to load. Of this Pyodide's own list only the name of its binary interface is asked for.
    lockFileContents: { info: { abi_version: '2026_0' }, packages: {} },
    jsglobals: Object.create(null) as object,
    env: { HOME: '/' },
    stdout: () => undefined,
  };
  const python: PyodideAPI = await loadPyodide(options as unknown as Parameters<typeof loadPyodide>[0]);
  python.setStderr({ write: (bytes) => (watcher.wrote(bytes), bytes.length) });
  python.setInterruptBuffer(signals(watcher) as unknown as Uint8Array);
  python.runPython(program, { filename: 'render.py' });
  const render = python.globals.get('render') as Interpreter['render'];
  return { render };
}

/** A module whose memory does not grow beyond a limit; Python then raises MemoryError. */
function limitedModule(create: ModuleFactory, most: number): ModuleFactory {
  return (settings) =>
    create({
      ...settings,
      instantiateWasm: (imports, done) => {
        const env = imports['env'] as Record<string, (size: number) => boolean>;
        const grow = env['emscripten_resize_heap'] as (size: number) => boolean;
        env['emscripten_resize_heap'] = (size) => size >>> 0 <= most && grow(size);
        return settings.instantiateWasm(imports, done);
      },
    });
}

/** Looks like the buffer of signals that Pyodide reads: 2 at index 0 is SIGINT. */
function signals(watcher: Watcher): object {
  return Object.defineProperty({}, 0, { get: () => (watcher.beat() ? 2 : 0), set: () => undefined });
}
