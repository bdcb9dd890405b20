import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cli, exampleModel, temporaryFolder } from './support.js';

/** Processes that were started in a folder. */
async function left(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const words = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (environment.includes(`WISHBONE_CACHE=${folder}`)) found.push(words.replaceAll('\0', ' '));
  }
  return found;
}

/** Inputs on which the work that a command does never lets anybody in between. */
const endless = {
  'a pattern that has no end': async (model: string) => {
    const file = join(model, 'tokenizer.json');
    const tokenizer = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    tokenizer['pre_tokenizer'] = { type: 'Split', pattern: { Regex: '(a+)+$' }, behavior: 'Isolated', invert: false };
    await writeFile(file, JSON.stringify(tokenizer));
  },
  'a template that has no end': (model: string) =>
    writeFile(join(model, 'chat_template.jinja'), '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}'),
} as const;

for (const [what, change] of Object.entries(endless)) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} ends a command at work on ${what}, and all it has started`, async (t) => {
      const folder = await temporaryFolder(t);
      const model = join(folder, 'model');
      await cp(exampleModel, model, { recursive: true });
      await change(model);
      const row = {
        prompt: [{ role: 'user', content: 'a' }],
        chosen: [{ role: 'assistant', content: `${'a'.repeat(40)}!` }],
        rejected: [{ role: 'assistant', content: 'b' }],
      };
      await writeFile(join(folder, 'pairs.jsonl'), `${JSON.stringify(row)}\n`.repeat(400));
      const child = spawn(process.execPath, [cli, 'plan', join(folder, 'pairs.jsonl'), '--model', model, '--on-bad-row', 'skip'], {
        env: { ...process.env, WISHBONE_CACHE: folder },
        stdio: 'ignore',
        // A group of its own: as a terminal does, the signal goes to all of it.
        detached: true,
      });
      await sleep(1500);
      assert.equal(child.exitCode, null, 'it is at work');
      const begin = performance.now();
      process.kill(-child.pid!, signal);
      await once(child, 'exit');
      assert.ok(performance.now() - begin < 6000, `it took ${Math.round(performance.now() - begin)} ms`);
      if (signal === 'SIGINT') assert.equal(child.exitCode, 130);
      await sleep(300);
      assert.deepEqual(await left(folder), []);
    });
  }
}
