import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { build } from 'esbuild';
import { modelFolder } from '../model/support.js';

const repository = path.resolve(import.meta.dirname, '../../..');

export async function scratchFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'wishbone-tokenise-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** A model folder with one of the fixtures' tokenizers. */
export async function tokenizedModel(t: TestContext, tokenizer = 'gpt2-like'): Promise<string> {
  const model = await modelFolder(t);
  await cp(path.join(repository, 'test/unit/tokenizer/fixture', tokenizer), model, { recursive: true });
  return model;
}

/** `src/workers/tokenise.ts`, bundled. */
export async function bundledTokeniser(t: TestContext): Promise<string> {
  const outfile = path.join(await scratchFolder(t), 'tokenise.js');
  await build({
    entryPoints: [path.join(repository, 'src/workers/tokenise.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'error',
    mainFields: ['module', 'main'],
  });
  return outfile;
}
