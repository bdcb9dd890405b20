// A real VS Code: the server that the npm package `code-server` carries (lib/vscode), without code-server around it.
// Kept in .cache/vscode-server between runs. Every stage leaves a mark when it is whole, so a broken off installation
// goes on where it stopped.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { Failure, read, root, run, which } from './shell.mjs';

/** The last code-server whose VS Code (1.100) is made for Node 20. It runs on newer Node too. */
const version = '4.100.3';
const integrity = 'sha512-q/Fh2DOxCRNhC/WiG/6sAhSKnj7ZACTVBaeeZ+rWjol//0FCbl/qg1ln5ecZ99jYcfqMxZZAyWcN+YBIo0DgpA==';

const cache = join(root, '.cache/vscode-server');
// Native modules fit one Node ABI only.
const folder = join(cache, `${version}-abi${process.versions.modules}`);
const vscode = join(folder, 'lib/vscode');

/** What this VS Code is set to. Written into the server's data folder, where a person may change it. */
const machineSettings = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
};

async function stage(name, work) {
  const mark = join(folder, `.${name}.done`);
  if (existsSync(mark)) return;
  await work();
  await writeFile(mark, '');
}

async function download() {
  const archive = join(cache, `code-server-${version}.tgz`);
  const whole = async () =>
    existsSync(archive) &&
    `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}` === integrity;
  if (!(await whole())) {
    await run('npm', ['pack', '--silent', '--pack-destination', cache, `code-server@${version}`], { cwd: cache, quiet: true });
    if (!(await whole())) throw new Failure(`${archive}: not the file that was asked for (SHA-512 differs). Delete it and try again.`);
  }
  const temporary = `${folder}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await run('tar', ['-xzf', archive, '-C', temporary, '--strip-components=1', 'package/lib/vscode', 'package/LICENSE']);
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  await rm(archive);
}

/** npm's own node-gyp: no other copy needs to be fetched. */
function findNodeGyp() {
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js')
    ? process.env.npm_execpath
    : join(read('npm', ['root', '-g']) ?? '', 'npm/bin/npm-cli.js');
  try {
    return createRequire(npm).resolve('node-gyp/bin/node-gyp.js');
  } catch {
    throw new Failure(`npm's node-gyp was not found beside ${npm}. Run this through npm (npm test, npm run vscode).`);
  }
}

/** Builds the modules that have no ready-made binary in their package. */
async function buildNativeModules() {
  const nodeGyp = findNodeGyp();
  const prefix = resolve(dirname(process.execPath), '..');
  // With the headers that came with this Node nothing needs to be downloaded.
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
  for (const name of ['@vscode/spdlog', 'native-watchdog', 'node-pty']) {
    await run(process.execPath, [nodeGyp, 'rebuild', ...headers], { cwd: join(vscode, 'node_modules', name), quiet: true });
  }
  const ripgrep = which('rg');
  if (!ripgrep) throw new Failure('ripgrep is missing: sudo apt-get install -y ripgrep');
  const bin = join(vscode, 'node_modules/@vscode/ripgrep/bin');
  await mkdir(bin, { recursive: true });
  await rm(join(bin, 'rg'), { force: true });
  await symlink(ripgrep, join(bin, 'rg'));
}

/** Installs the server unless it is there. Throws Failure. */
export async function installServer(log = console.log) {
  await mkdir(cache, { recursive: true });
  if (!existsSync(join(folder, '.native.done'))) log(`installing a VS Code server (code-server ${version}) into .cache`);
  if (!existsSync(join(vscode, 'out/server-main.js'))) await download();
  // `npm ci` refuses: the package's own shrinkwrap leaves out one optional dependency. What it names is pinned by it.
  await stage('modules', () =>
    run('npm', ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: vscode, quiet: true }),
  );
  await stage('native', buildNativeModules);
}

const serverArguments = (data, extensions) => [
  join(vscode, 'out/server-main.js'),
  '--accept-server-license-terms',
  '--server-data-dir',
  data,
  '--extensions-dir',
  extensions,
];

/** Installs a packaged extension (.vsix) for servers with these folders. */
export async function installExtension(vsix, { data, extensions }) {
  await mkdir(extensions, { recursive: true });
  await run(process.execPath, [...serverArguments(data, extensions), '--install-extension', vsix, '--force'], { quiet: true });
}

/**
 * Starts the server on 127.0.0.1; resolves once it listens. Its output goes to `<data>/server.log`.
 * `port` 0 takes any free one; `trust`: every folder is trusted without a question; `env`: variables beside those of this process. Resolves to `address(folder)` (the URL that opens a folder), `pid`, `ended` (a promise of
 * its exit) and `stop()`.
 */
export async function startServer({ data, extensions, port = 0, trust = true, env = {} }) {
  const settings = join(data, 'data/Machine/settings.json');
  if (!existsSync(settings)) {
    await mkdir(dirname(settings), { recursive: true });
    await writeFile(settings, `${JSON.stringify(machineSettings, null, 2)}\n`);
  }
  await mkdir(extensions, { recursive: true });
  // Whoever may open the page has a terminal of ours: other users of this machine must not.
  const tokenFile = join(data, 'connection-token');
  if (!existsSync(tokenFile)) await writeFile(tokenFile, randomUUID(), { mode: 0o600 });
  const token = (await readFile(tokenFile, 'utf8')).trim();
  const child = spawn(
    process.execPath,
    [
      ...serverArguments(data, extensions),
      ...['--host', '127.0.0.1', '--port', String(port), '--connection-token-file', tokenFile],
      ...(trust ? ['--disable-workspace-trust'] : []),
      '--disable-telemetry',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  );
  const log = createWriteStream(join(data, 'server.log'));
  child.stderr.on('data', (text) => log.write(text));
  const ended = new Promise((done) => child.once('exit', () => done()));
  const origin = await new Promise((listening, fail) => {
    let output = '';
    child.stdout.on('data', (text) => {
      log.write(text);
      output += text;
      const bound = /Server bound to 127\.0\.0\.1:(\d+)/.exec(output);
      if (bound) listening(`http://127.0.0.1:${bound[1]}`);
    });
    child.once('error', fail);
    void ended.then(() => fail(new Failure(`The VS Code server ended before it listened:\n${output}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  const address = (folder) => `${origin}/?tkn=${token}&folder=${encodeURIComponent(folder)}`;
  return { address, pid: child.pid, ended, stop };
}
