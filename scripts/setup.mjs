// Finds out what is missing on this machine and installs it. Fast and silent when nothing is.
// `node scripts/setup.mjs [--browser]`, or import { setup }.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBrowser } from './browser.mjs';
import { mayHaveToolkit } from './cuda-toolkit.mjs';
import { Failure, isScript, main, read, root, run, which } from './shell.mjs';
import { mayHaveTemplateEngine, templateEngine } from './template-engine.mjs';

const header = (path) => () => ['/usr/include', '/usr/local/include'].some((folder) => existsSync(join(folder, path)));
const program = (name) => () => which(name) !== undefined;

/** Where Debian and Ubuntu keep the OpenMP variant of OpenBLAS. */
const openblas = () =>
  ['x86_64-linux-gnu', 'aarch64-linux-gnu'].some((triple) => existsSync(`/usr/lib/${triple}/openblas-openmp/libopenblas.a`));

/** Debian packages and how to tell that what they bring is there. */
const forRunner = [
  { name: 'g++', present: program('g++') },
  { name: 'make', present: program('make') },
  { name: 'cmake', present: program('cmake') },
  { name: 'ninja-build', present: program('ninja') },
  { name: 'libopenblas-openmp-dev', present: openblas },
  { name: 'nlohmann-json3-dev', present: header('nlohmann/json.hpp') },
  { name: 'libcli11-dev', present: header('CLI/CLI.hpp') },
  { name: 'doctest-dev', present: header('doctest/doctest.h') },
];
/** The CUDA toolkit itself is no system package: pip fetches it when the system has none (cuda-toolkit.mjs). */
const forCuda = [
  { name: 'python3', present: program('python3') },
  { name: 'python3-pip', present: mayHaveToolkit },
];
/** Jinja2, which renders chat templates, comes from PyPI (template-engine.mjs). */
const forTemplates = [
  { name: 'python3', present: () => mayHaveTemplateEngine() || program('python3')() },
  { name: 'python3-pip', present: mayHaveTemplateEngine },
];
/** node-gyp, which builds the server's native modules, wants Python; the server searches files with ripgrep. */
const forServer = [
  { name: 'g++', present: program('g++') },
  { name: 'make', present: program('make') },
  { name: 'python3', present: program('python3') },
  { name: 'ripgrep', present: program('rg') },
];
/** Makes PNGs of few colours. */
const forPictures = [{ name: 'pngquant', present: program('pngquant') }];
const forBrowser = [{ name: 'chromium', present: () => findBrowser() !== undefined }];

/** A cluster that runs are given to in tests. */
const forSlurm = [
  { name: 'slurm-wlm', present: () => ['/usr/sbin/slurmctld', '/usr/sbin/slurmd', '/usr/bin/sbatch'].every((file) => existsSync(file)) },
  { name: 'munge', present: () => existsSync('/usr/sbin/munged') },
];

/** Command prefix that may install packages: [] as root, ['sudo', '-n'], or undefined when neither works. */
function aptPrefix() {
  if (!which('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  return which('sudo') && read('sudo', ['-n', 'true']) !== undefined ? ['sudo', '-n'] : undefined;
}

async function installSystemPackages(wanted) {
  const missing = [...new Set(wanted.filter((item) => !item.present()).map((item) => item.name))];
  if (missing.length === 0) return;
  const prefix = aptPrefix();
  if (prefix === undefined) {
    throw new Failure(`Missing system packages; install them first: sudo apt-get install -y ${missing.join(' ')}`);
  }
  console.log(`installing system packages: ${missing.join(' ')}`);
  const apt = (...args) => {
    const [command, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    return run(command, rest, { quiet: true });
  };
  await apt('update', '-q');
  // Ubuntu has Chromium as a snap only, which does not run everywhere; Playwright has a plain build for it.
  const noPackage = (name) => name === 'chromium' && /Candidate: \(none\)|^$/m.test(read('apt-cache', ['policy', name]) ?? '');
  const packages = missing.filter((name) => !noPackage(name));
  if (packages.length > 0) await apt('install', '-y', '--no-install-recommends', ...packages);
  if (packages.length < missing.length) {
    const [command, ...rest] = [...prefix, process.execPath, 'node_modules/playwright-core/cli.js', 'install-deps', 'chromium'];
    await run(command, rest, { quiet: true });
    await run(process.execPath, ['node_modules/playwright-core/cli.js', 'install', 'chromium'], { quiet: true });
  }
  const still = wanted.filter((item) => !item.present()).map((item) => item.name);
  if (still.length > 0) throw new Failure(`Still missing after their packages were installed: ${still.join(' ')}`);
}

/** Whether node_modules holds what package-lock.json names, by npm's own note of what it installed. */
function nodeModulesCurrent() {
  const installedPath = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  // Optional packages are those of other platforms.
  return Object.entries(locked).every(([path, entry]) => path === '' || entry.optional || entry.version === installed[path]?.version);
}

/**
 * Installs what is missing: node_modules, what renders chat templates, what the runner is built with, and on request what its CUDA backend is built
 * with, what a VS Code server needs, a browser, and what makes pictures small. Throws Failure with one line that says what to install by hand when
 * it may not. A Slurm is no need: where it cannot be had, its tests are skipped and say so.
 */
export async function setup({ runner = true, cuda = false, server = false, browser = false, slurm = false, pictures = false } = {}) {
  if (process.platform !== 'linux') throw new Failure(`Wishbone runs on Linux; this is ${process.platform}.`);
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new Failure(`Node 20 or newer is needed; this is ${process.versions.node}.`);
  }
  if (!nodeModulesCurrent()) {
    console.log('installing node_modules');
    await run('npm', ['ci', '--no-audit', '--no-fund'], { quiet: true });
  }
  await installSystemPackages([
    ...forTemplates,
    ...(runner ? forRunner : []),
    ...(cuda ? forCuda : []),
    ...(server ? forServer : []),
    ...(browser ? forBrowser : []),
    ...(pictures ? forPictures : []),
  ]);
  // Nobody but root could start one.
  if (slurm && process.getuid?.() === 0) {
    await installSystemPackages(forSlurm).catch((error) => console.log(error instanceof Failure ? error.message : error));
  }
  await templateEngine();
}

if (isScript(import.meta.url)) {
  await main(() => setup({ server: process.argv.includes('--browser'), browser: process.argv.includes('--browser') }));
}
