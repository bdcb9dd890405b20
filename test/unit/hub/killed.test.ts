import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { begin, MODEL } from './support.js';

const KILLS = Number(process.env['WISHBONE_HUB_KILLS'] ?? 3);
const SIZE = 70 * 2 ** 20;

test(`killed ${KILLS} times in the middle, a download goes on, fetches nothing twice but what was in flight, and nothing is corrupt`, async (context) => {
  const weights = randomBytes(SIZE);
  const repository = { ...MODEL, files: { ...MODEL.files, 'model.safetensors': weights } };
  const { hub, settings } = await begin(context, [repository]);
  hub.faults.speed = 8 << 20;
  const script = path.resolve('test/unit/hub/killed-child.ts');
  const env = { ...process.env, HF_ENDPOINT: settings.endpoint, HF_HUB_CACHE: settings.cache };
  const folder = path.join(settings.cache, 'models--wish--tiny-llama', 'snapshots', hub.commit('model', 'wish/tiny-llama'));
  /** Bytes that were missing at its start, once it is at its end. */
  const attempt = (killAfter: number): Promise<{ missing: number; isWhole: boolean }> =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['--import', 'tsx', script, 'wish/tiny-llama'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      let first: number | undefined;
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        for (const [, bytes] of text.matchAll(/^done (\d+)$/gm)) {
          first ??= Number(bytes);
          if (Number(bytes) - first >= killAfter) child.kill('SIGKILL');
        }
      });
      child.on('close', () => resolve({ missing: Number(/^missing (\d+)$/m.exec(text)?.[1] ?? 0), isWhole: /^whole$/m.test(text) }));
    });
  let before = Number.POSITIVE_INFINITY;
  for (let kill = 0; kill < KILLS; kill++) {
    const { missing, isWhole } = await attempt(SIZE / (KILLS + 4));
    assert.ok(!isWhole && missing < before, `attempt ${kill}: ${missing} missing, before ${before}`);
    before = missing;
    assert.ok(!(await readdir(folder).catch(() => [] as string[])).includes('model.safetensors'), 'half a file is not in the snapshot');
  }
  delete hub.faults.speed;
  const last = await attempt(Number.POSITIVE_INFINITY);
  assert.ok(last.isWhole && last.missing < before);
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
  assert.equal(digest(await readFile(path.join(folder, 'model.safetensors'))), digest(weights));
  for (const name of await readdir(folder)) {
    assert.ok(
      (await readFile(path.join(folder, name))).equals(Buffer.from(repository.files[name as keyof typeof repository.files] as Buffer)),
      name,
    );
  }
  const blobs = await readdir(path.join(settings.cache, 'models--wish--tiny-llama', 'blobs'));
  assert.ok(
    blobs.every((name) => /^[0-9a-f]+$/.test(name)),
    blobs.join(),
  );
});
