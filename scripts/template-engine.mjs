// What renders chat templates: CPython compiled to WebAssembly (Pyodide, from npm) with Jinja2 (from PyPI, fetched with pip).
// Starting Python and importing Jinja2 takes seconds, so both are done once, here, and the interpreter's memory is kept:
// .cache/template-engine/python.memory. `node scripts/template-engine.mjs`, or import { templateEngine }.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchWheels, hasPip, platform } from './pip.mjs';
import { isScript, main, root } from './shell.mjs';

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

/** Licences that wheels bring. */
const licenceTexts = `
import glob
"".join(
    "\\n" + "-" * 80 + "\\n" + name.split("/")[-3] + "\\n\\n" + open(name).read()
    for name in sorted(glob.glob(jinja2.__path__[0] + "/../*.dist-info/licenses/*"))
)
`;

const versionOf = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;

/** Says what the memory was made of, this file among it; another text means that it has to be made again. */
const ingredients = () =>
  createHash('sha256')
    .update(JSON.stringify([versionOf('pyodide'), platform, readFileSync(join(root, 'scripts/template-engine.mjs'), 'utf8')]))
    .digest('hex');

const isMade = () => existsSync(memory) && existsSync(note) && readFileSync(note, 'utf8') === ingredients();

/** Whether nothing has to be fetched, or pip is there to fetch it. */
export const mayHaveTemplateEngine = () => isMade() || hasPip();

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
    'licences.txt': join(folder, 'licences.txt'),
    ...Object.fromEntries(parts.map((name) => [name, join(pyodide, name)])),
    'render.py': join(root, 'src/core/tokenizer/jinja/render.py'),
  };
}

async function make() {
  console.log('template engine: fetching Jinja2 from PyPI, starting Python once');
  // Each process has its own, and the last one that is done wins: they are all alike.
  const fresh = `${folder}.new-${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  await fetchWheels(wheels, fresh);
  const { memory, licences } = await interpreter(fresh);
  writeFileSync(join(fresh, 'python.memory'), memory);
  writeFileSync(join(fresh, 'licences.txt'), licences);
  writeFileSync(join(fresh, 'made-of'), ingredients());
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

/** An interpreter's memory when it has imported what lies in a folder's wheels, and the licences of all that is in it. */
async function interpreter(fresh) {
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
  const licences = python.runPython(licenceTexts);
  const from = `Pyodide ${versionOf('pyodide')} (MPL-2.0, https://github.com/pyodide/pyodide) with Python ${python.runPython('sys.version.split()[0]')}\n(PSF-2.0, https://github.com/python/cpython)`;
  return { memory: python.makeMemorySnapshot(), licences: `${from}\n${licences}` };
}

if (isScript(import.meta.url)) await main(templateEngine);
