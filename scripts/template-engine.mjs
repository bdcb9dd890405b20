// What renders chat templates: CPython compiled to WebAssembly (Pyodide, from npm) with Jinja2 (from PyPI, fetched with pip).
// Starting Python and importing Jinja2 takes seconds, so both are done once, here, and the interpreter's memory is kept:
// .cache/template-engine/python.memory. `node scripts/template-engine.mjs`, or import { templateEngine }.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, isScript, main, read, root, run } from './shell.mjs';

const folder = join(root, '.cache', 'template-engine');
const memory = join(folder, 'python.memory');
const note = join(folder, 'made-of');
const pyodide = join(root, 'node_modules/pyodide');
const parts = ['pyodide.mjs', 'pyodide.asm.mjs', 'pyodide.asm.wasm', 'python_stdlib.zip'];

/**
 * One file each, the same on every machine: of MarkupSafe, which has none without machine code, that of one platform, of
 * which only the Python is used.
 */
const wheels = [
  'jinja2==3.1.6 --hash=sha256:85ece4451f492d0c13c5dd7c13a64681a86afae63a5f347908daf103ce6d2f67',
  'markupsafe==3.0.4 --hash=sha256:6da83a088f8ef93b2d483a8232a4dbf4d69d3d8496b568a03c56becac43e1808',
];
const platform = ['--platform', 'manylinux2014_x86_64', '--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311', '--abi', 'none'];

/** All that templates commonly need; what else there is in Python's library is imported when a template asks for it. */
const imports = `
import _strptime, encodings.unicode_escape, gc, json, os, pprint, re, sys, unicodedata
from datetime import datetime
import jinja2, jinja2.debug, jinja2.ext, jinja2.loaders, jinja2.nodes, jinja2.sandbox, jinja2.utils
jinja2.sandbox.ImmutableSandboxedEnvironment(extensions=[jinja2.ext.loopcontrols]).from_string(
    "{% for a in [1] %}{{ a|tojson|indent|upper }}{% endfor %}"
).render()
gc.collect()
`;

const versionOf = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;

/** Says what the memory was made of; another text means that it has to be made again. */
const ingredients = () =>
  createHash('sha256').update(JSON.stringify([versionOf('pyodide'), wheels, platform, imports, make.toString()])).digest('hex');

const isMade = () => existsSync(memory) && existsSync(note) && readFileSync(note, 'utf8') === ingredients();

/** Whether nothing has to be fetched, or pip is there to fetch it. */
export const mayHaveTemplateEngine = () => isMade() || hasPip();

const hasPip = () => read('python3', ['-m', 'pip', '--version']) !== undefined;

/**
 * Files of the engine, made where they are missing.
 *
 * @returns paths by the names they have in the packaged extension
 * @throws Failure when they cannot be fetched
 */
export async function templateEngine() {
  if (!isMade()) await make();
  return {
    'python.memory': memory,
    ...Object.fromEntries(parts.map((name) => [name, join(pyodide, name)])),
    'render.py': join(root, 'src/core/tokenizer/jinja/render.py'),
  };
}

async function make() {
  if (!hasPip()) {
    throw new Failure('Jinja2 is fetched with pip, which is missing. Install it:  apt install python3-pip');
  }
  console.log('template engine: fetching Jinja2 from PyPI, starting Python once');
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const requirements = join(fresh, 'requirements.txt');
  writeFileSync(requirements, `${wheels.join('\n')}\n`);
  const quiet = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '--quiet'];
  const exactly = ['--require-hashes', '--no-deps', '--only-binary=:all:', ...platform];
  await run('python3', ['-m', 'pip', 'download', ...quiet, ...exactly, '--dest', fresh, '-r', requirements], { quiet: true });
  writeFileSync(join(fresh, 'python.memory'), await memoryOf(fresh));
  writeFileSync(join(fresh, 'made-of'), ingredients());
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

/** Memory of an interpreter that has imported what lies in a folder's wheels. */
async function memoryOf(fresh) {
  // Not at the top of the file: setup may have to install it first.
  const { loadPyodide } = await import('pyodide');
  const { default: createPyodideModule } = await import('pyodide/pyodide.asm.mjs');
  const python = await loadPyodide({
    _makeSnapshot: true,
    createPyodideModule,
    jsglobals: {},
    // The same memory on every machine.
    env: { HOME: '/', PYTHONHASHSEED: '0' },
    stdout: () => undefined,
  });
  for (const wheel of readdirSync(fresh).filter((name) => name.endsWith('.whl'))) {
    python.unpackArchive(new Uint8Array(readFileSync(join(fresh, wheel))), 'wheel');
  }
  python.runPython(imports);
  return python.makeMemorySnapshot();
}

if (isScript(import.meta.url)) await main(templateEngine);
