// Bundles the TypeScript: extension host, command line, workers and webviews, into dist/.
// `node scripts/build.mjs [--dev] [--watch]`: --dev keeps names readable and writes source maps; --watch is --dev, and builds
// again whenever a source changes.
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { copyExample } from './example.mjs';
import { Failure, isScript, main, root } from './shell.mjs';
import { templateEngine } from './template-engine.mjs';

const dist = join(root, 'dist');

/** Bundles are CommonJS, where `import.meta.url` would be empty; this gives it the bundle's own URL. */
const importMetaUrl = `const importMetaUrl = require('node:url').pathToFileURL(__filename).href;`;

const forNode = {
  platform: 'node',
  // VS Code 1.90 has Node 20.
  target: 'node20',
  format: 'cjs',
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: importMetaUrl },
  // Packages with both forms: the ES module one, which can be shaken.
  mainFields: ['module', 'main'],
  // As `require`: what it loads are CommonJS bundles too.
  supported: { 'dynamic-import': false },
};

/** The thread that renders chat templates is an ES module, as Pyodide is, whose files lie as they are in dist/lib/jinja. */
export const forTemplates = {
  platform: 'node',
  target: 'node20',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  plugins: [
    {
      name: 'pyodide',
      setup(bundle) {
        bundle.onResolve({ filter: /^pyodide($|\/)/ }, ({ path }) => {
          return { path: `../lib/jinja/${path === 'pyodide' ? 'pyodide.mjs' : basename(path)}`, external: true };
        });
      },
    },
  ],
};

const forWebview = {
  platform: 'browser',
  // VS Code 1.90 has Chromium 122.
  target: 'chrome122',
  format: 'iife',
};

/** Imported where it is, but by modules that are loaded when they are first needed. */
const seldom = ['picomatch', 'yaml'];

/**
 * Packages that are loaded when they are first needed (`await import('…')`) are bundles of their own, dist/lib/<package>.js:
 * most windows never need them, and code that is there takes time to compile whether or not it runs.
 *
 * @param lib where dist/lib is, seen from the bundle
 * @param found takes the packages' names
 */
function loadedLater(lib, found) {
  return {
    name: 'loaded later',
    setup(bundle) {
      bundle.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
        if (path.startsWith('node:') || (kind !== 'dynamic-import' && !seldom.includes(path))) return undefined;
        found.add(path);
        return { path: `${lib}/${path}.js`, external: true };
      });
    },
  };
}

function source(path) {
  if (!existsSync(join(root, path))) throw new Failure(`${path}: there is no such file; the build needs it.`);
  return join(root, path);
}

async function entries() {
  const templates = 'chat-template.ts';
  const workers = (await readdir(source('src/workers'))).filter((name) => name.endsWith('.ts') && name !== templates).sort();
  const webviews = (await readdir(source('webview'), { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && existsSync(join(root, 'webview', entry.name, 'main.ts')))
    .map((entry) => entry.name)
    .sort();
  if (webviews.length === 0) throw new Failure('webview/*/main.ts: there is no such file; the build needs one.');
  return [
    // Only this one may import `vscode`: anywhere else it is an error.
    { ...forNode, in: source('src/extension.ts'), out: 'extension', external: ['vscode'] },
    { ...forNode, in: source('src/cli/main.ts'), out: 'cli', banner: { js: `#!/usr/bin/env node\n${importMetaUrl}` } },
    ...workers.map((name) => ({ ...forNode, in: source(`src/workers/${name}`), out: `workers/${basename(name, '.ts')}` })),
    { ...forTemplates, in: source(`src/workers/${templates}`), out: `workers/${basename(templates, '.ts')}` },
    ...webviews.map((name) => ({ ...forWebview, in: source(`webview/${name}/main.ts`), out: `webview/${name}` })),
  ];
}

/** What renders chat templates, beside the bundles. */
async function copyTemplateEngine() {
  const folder = join(dist, 'lib/jinja');
  await mkdir(folder, { recursive: true });
  for (const [name, file] of Object.entries(await templateEngine())) await copyFile(file, join(folder, name));
}

/**
 * Builds everything into dist/, leaving dist/bin (the runner) alone. Throws Failure on any error or warning.
 *
 * @param watch builds again whenever a source changes, until the process is ended
 */
export async function build({ dev = false, watch = false } = {}) {
  // Not at the top of the file: setup may have to install it first.
  const esbuild = await import('esbuild');
  const bundles = await entries();
  for (const old of existsSync(dist) ? await readdir(dist) : []) {
    if (old !== 'bin') await rm(join(dist, old), { recursive: true, force: true });
  }
  let faults = 0;
  const contexts = [];
  const packages = new Set();
  const bundle = (those) =>
    those.map(async ({ in: input, out, ...options }) => {
      const settings = {
        ...options,
        entryPoints: [{ in: input, out }],
        outdir: dist,
        bundle: true,
        minify: !(dev || watch),
        sourcemap: dev || watch ? 'linked' : false,
        legalComments: 'linked',
        logLevel: 'warning',
        absWorkingDir: root,
        ...(options.platform === 'node' &&
          !out.startsWith('lib/') &&
          !options.plugins && { plugins: [loadedLater(out.includes('/') ? '../lib' : './lib', packages)] }),
      };
      const result = await esbuild.build(settings).catch((error) => ({ errors: error.errors ?? [error], warnings: [] }));
      faults += result.errors.length + result.warnings.length;
      if (watch && !out.startsWith('lib/')) contexts.push(await esbuild.context(settings));
    });
  await Promise.all(bundle(bundles));
  await Promise.all(bundle([...packages].map((name) => ({ ...forNode, in: name, out: `lib/${name}` }))));
  // Beside the bundle that loads it.
  await copyFile(source('node_modules/vscode-oniguruma/release/onig.wasm'), join(dist, 'lib/onig.wasm'));
  // Faults are listed as they come: whoever watches is about to mend them.
  if (faults > 0 && !watch) throw new Failure(`The build failed: ${faults} error(s) or warning(s), listed above.`);
  await copyExample(join(dist, 'example'));
  await chmod(join(dist, 'cli.js'), 0o755);
  await copyTemplateEngine();
  await Promise.all(contexts.map((context) => context.watch()));
  // A task of VS Code waits for this line.
  if (watch) console.log('watching for changes');
}

if (isScript(import.meta.url)) await main(() => build({ dev: process.argv.includes('--dev'), watch: process.argv.includes('--watch') }));
