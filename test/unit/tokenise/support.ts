import { copyFile, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
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
export const bundledTokeniser = (t: TestContext): Promise<string> => bundledWorker(t, 'tokenise');

/** A file of `src/workers`, bundled, with what renders chat templates where it is in the packaged extension. */
export async function bundledWorker(t: TestContext, name: string): Promise<string> {
  // These are modules that await at their top; the tests are loaded as CommonJS.
  const { forTemplates } = await import('../../../scripts/build.mjs');
  const { templateEngine } = await import('../../../scripts/template-engine.mjs');
  const folder = await scratchFolder(t);
  const outfile = path.join(folder, `workers/${name}.js`);
  const workers = path.join(repository, 'src/workers');
  await build({
    entryPoints: [path.join(workers, `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    logLevel: 'error',
    mainFields: ['module', 'main'],
  });
  await build({
    ...forTemplates,
    entryPoints: [path.join(workers, 'chat-template.ts')],
    bundle: true,
    outdir: path.dirname(outfile),
    logLevel: 'error',
  });
  const engine = path.join(folder, 'lib/jinja');
  await mkdir(engine, { recursive: true });
  for (const [name, file] of Object.entries(await templateEngine())) await copyFile(file, path.join(engine, name));
  return outfile;
}
