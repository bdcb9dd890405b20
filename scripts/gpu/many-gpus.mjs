// What many-gpus.sh needs and only Node can make: `node --import tsx scripts/gpu/many-gpus.mjs --out FILE.tar.xz [--devices 1,2,4,8]`: the
// cases of several-gpus.mjs, and run folders for two processes and for a run that goes on with fewer GPUs.
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { main, root, run } from '../shell.mjs';
import { runFolder } from './run-folder.mjs';

await main(async () => {
  const { values } = parseArgs({ options: { out: { type: 'string' }, devices: { type: 'string', default: '1,2,4,8' } } });
  const folder = await mkdtemp(path.join(tmpdir(), 'many-gpus-'));
  try {
    const script = path.join(root, 'scripts', 'gpu', 'several-gpus.mjs');
    await run(process.execPath, ['--import', 'tsx', script, '--out', path.join(folder, 'cases'), '--devices', values.devices]);
    const small = ['--out', path.join(folder, 'made'), '--pairs', '1280', '--batch-size', '64', '--capacity', '4096'];
    for (const [name, shape, more] of [
      ['processes', 'llama-1b', []],
      ['resume', 'tiny', ['--save-steps', '8']],
    ]) {
      const made = await runFolder([...small, '--shape', shape, '--model', `/tmp/models/${shape}`, ...more]);
      await rename(made, path.join(folder, name));
    }
    await rm(path.join(folder, 'made'), { recursive: true });
    await run('tar', ['cJf', path.resolve(values.out), '-C', folder, '.']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
