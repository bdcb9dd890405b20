import { build } from 'esbuild';
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';

const root = path.join(import.meta.dirname, '../../..');

/** What only a process of its own does (docs/architecture.md, "Threads and processes"): a window would compile it whenever it starts. */
const ELSEWHERE = [
  'src/core/tokenizer/tokenizer.ts',
  'src/core/checks/dataset-check.ts',
  'src/core/judge/judge-run.ts',
  'src/core/sample/sampler.ts',
];

test('the bundle of the extension has nothing of what is done in other processes', async () => {
  const { metafile } = await build({
    entryPoints: [path.join(root, 'src/extension.ts')],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    absWorkingDir: root,
    outdir: root,
    logLevel: 'silent',
  });
  const [output] = Object.values(metafile.outputs);
  const own = Object.entries(output!.inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []));
  assert.ok(own.includes('src/core/checks/found.ts'), 'what is there is found');
  assert.deepEqual(
    own.filter((file) => ELSEWHERE.includes(file)),
    [],
  );
});
