// Builds everything and packs it with the runner into a platform-specific extension: wishbone-linux-x64-<version>.vsix.
// The runner has CUDA in it; with --cpu, and on machines that CUDA is not built for, it is the small one without. The
// tests pack that one, whatever dist/bin holds. With --universal it is one for all platforms without a runner, which does everything but train:
// wishbone-<version>.vsix.
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { builtBackend } from './build-native.mjs';
import { build } from './build.mjs';
import { embedPictures, PAGE } from './package-page.mjs';
import { setup } from './setup.mjs';
import { Failure, isScript, main, root, run } from './shell.mjs';
import { installServer } from './vscode-server.mjs';

/**
 * Packs what dist/ holds; resolves to the path of the .vsix. Throws Failure when the runner is missing.
 *
 * @param universal for all platforms, without a runner
 */
export async function pack({ universal = false } = {}) {
  const runner = join(root, 'dist/bin/wishbone-runner');
  if (!universal && !existsSync(runner)) throw new Failure(`${runner} is missing: run npm run build:native first.`);
  const { name, version, repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const target = `linux-${process.arch}`;
  const vsix = join(root, universal ? `${name}-${version}.vsix` : `${name}-${target}-${version}.vsix`);
  // What the package leaves out is the list of all, and the runner.
  const ignored = join(root, 'build/vscodeignore-universal');
  if (universal) {
    mkdirSync(join(root, 'build'), { recursive: true });
    const all = readFileSync(join(root, '.vscodeignore'), 'utf8').split('\n');
    writeFileSync(ignored, all.filter((line) => line !== '!dist/bin/**').join('\n'));
  }
  const which = universal ? ['--ignoreFile', ignored] : ['--target', target];
  // The page's links are seen from its folder; vsce takes them for those of a page at the top.
  const pages = (kind) => `${repository.url.replace(/\.git$/, '')}/${kind}/HEAD/${dirname(PAGE)}`;
  const links = ['--baseContentUrl', pages('blob'), '--baseImagesUrl', pages('raw')];
  // Bundles carry their dependencies, so node_modules stays out.
  const vsce = ['node_modules/@vscode/vsce/vsce', 'package', ...which, ...links, '--no-dependencies', '--readme-path', PAGE, '--out', vsix];
  await run(process.execPath, vsce, { quiet: true });
  await embedPictures(vsix);
  return vsix;
}

/** All that a real VS Code with the extension in it needs, made where it is missing. Resolves to the path of the .vsix. */
export async function packForWindow() {
  await setup({ server: true, browser: true });
  await build();
  if (!existsSync(join(root, 'dist/bin/wishbone-runner'))) await run(process.execPath, ['scripts/build-native.mjs']);
  const vsix = await pack();
  await installServer();
  return vsix;
}

/** What the runner of the package is built with; none of one for all platforms. */
function wantedBackend() {
  let cpu;
  let universal;
  const flag = { type: 'boolean', default: false };
  try {
    ({ cpu, universal } = parseArgs({ options: { cpu: flag, universal: flag } }).values);
  } catch (error) {
    throw new Failure(`package: ${error.message}`);
  }
  if (universal) return 'none';
  return cpu || process.arch !== 'x64' ? 'cpu' : 'cuda';
}

if (isScript(import.meta.url)) {
  await main(async () => {
    const backend = wantedBackend();
    await setup({ cuda: backend === 'cuda' });
    await build();
    if (backend !== 'none') await run(process.execPath, ['scripts/build-native.mjs', `--${backend}`]);
    const vsix = await pack({ universal: backend === 'none' });
    const what = backend === 'none' ? 'none' : builtBackend() === 'cuda' ? 'CPU and CUDA' : 'CPU';
    console.log(`${vsix}  ${(statSync(vsix).size / 2 ** 20).toFixed(1)} MiB (runner: ${what})`);
  });
}
