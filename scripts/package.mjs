// Builds everything and packs it with the runner into a platform-specific extension: wishbone-linux-x64-<version>.vsix.
// The runner has CUDA in it; with --cpu, and on machines that CUDA is not built for, it is the small one without. The
// tests pack that one, whatever dist/bin holds.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { builtBackend } from './build-native.mjs';
import { build } from './build.mjs';
import { embedPictures, PAGE } from './package-page.mjs';
import { setup } from './setup.mjs';
import { Failure, isScript, main, root, run } from './shell.mjs';
import { installServer } from './vscode-server.mjs';

/** Packs what dist/ holds; resolves to the path of the .vsix. Throws Failure when the runner is missing. */
export async function pack() {
  const runner = join(root, 'dist/bin/wishbone-runner');
  if (!existsSync(runner)) throw new Failure(`${runner} is missing: run npm run build:native first.`);
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const target = `linux-${process.arch}`;
  const vsix = join(root, `${name}-${target}-${version}.vsix`);
  // Bundles carry their dependencies, so node_modules stays out.
  const vsce = ['node_modules/@vscode/vsce/vsce', 'package', '--target', target, '--no-dependencies', '--readme-path', PAGE, '--out', vsix];
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

/** What the runner of the package is built with. */
function wantedBackend() {
  let cpu;
  try {
    ({ cpu } = parseArgs({ options: { cpu: { type: 'boolean', default: false } } }).values);
  } catch (error) {
    throw new Failure(`package: ${error.message}`);
  }
  return cpu || process.arch !== 'x64' ? 'cpu' : 'cuda';
}

if (isScript(import.meta.url)) {
  await main(async () => {
    const backend = wantedBackend();
    await setup({ cuda: backend === 'cuda' });
    await build();
    await run(process.execPath, ['scripts/build-native.mjs', `--${backend}`]);
    const vsix = await pack();
    const what = builtBackend() === 'cuda' ? 'CPU and CUDA' : 'CPU';
    console.log(`${vsix}  ${(statSync(vsix).size / 2 ** 20).toFixed(1)} MiB (runner: ${what})`);
  });
}
