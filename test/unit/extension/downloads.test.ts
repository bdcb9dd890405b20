import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameDatasets, nameModel } from '../../../src/core/hub/index.js';
import { Downloads } from '../../../src/extension/hub/downloads.js';
import { fetchText, foundText, pageIn } from '../../../src/extension/hub/hub-text.js';
import type { DownloadsView } from '../../../src/protocol/launch.js';
import { begin, MODEL } from '../hub/support.js';

const DATA = { kind: 'dataset' as const, name: 'wish/pairs', files: { 'train.jsonl': '{}\n' } };

test('downloads of a form: what and how much before, how far while, cancelled and gone on with', async (context) => {
  const { settings, hub } = await begin(context, [MODEL, DATA]);
  const lookUp = { settings: async () => settings };
  const model = await nameModel('wish/tiny-llama', 'model', lookUp);
  const data = await nameDatasets(['wish/pairs'], lookUp);
  const seen: DownloadsView[] = [];
  const downloads: Downloads = new Downloads(
    async () => settings,
    () => seen.push(downloads.view),
  );
  assert.deepEqual(downloads.view, { kind: 'none' });
  await downloads.want([...data.missing, ...model.missing]);
  const { view } = downloads;
  assert.ok(view.kind === 'wanted');
  const commit = hub.commit('model', 'wish/tiny-llama').slice(0, 12);
  assert.equal(view.items[0]!.name, 'wish/pairs');
  assert.match(view.items[1]!.detail, new RegExp(`^2\\.1 MiB in 7 files, commit ${commit}$`));
  assert.match(view.route, /^2\.1 MiB from 127\.0\.0\.1:\d+ into .*hub, where .* are free$/);

  hub.faults.speed = 1_000_000;
  const first = downloads.fetch();
  assert.equal(downloads.isRunning, true);
  assert.equal(await downloads.fetch(), false, 'one at a time');
  setTimeout(() => downloads.cancel(), 800);
  assert.equal(await first, false);
  assert.ok(seen.some((one) => one.kind === 'running' && one.fraction > 0 && / of 2\.1 MiB/.test(one.text)));
  assert.match(downloads.view.kind === 'wanted' ? downloads.view.said : '', /What came is kept/);
  delete hub.faults.speed;
  const ranges = hub.asked.length;
  assert.equal(await downloads.fetch(), true);
  assert.ok(
    hub.asked.slice(ranges).some(({ range }) => /^bytes=[1-9]\d*-/.test(range ?? '')),
    'from where it stopped',
  );
  assert.deepEqual((await nameModel('wish/tiny-llama', 'model', lookUp)).missing, []);
  await downloads.want([]);
  assert.deepEqual(downloads.view, { kind: 'none' });
});

test('a download that fails is thrown, and can be tried again', async (context) => {
  const { settings, hub } = await begin(context, [MODEL]);
  const { missing } = await nameModel('wish/tiny-llama', 'model', { settings: async () => settings });
  const downloads = new Downloads(
    async () => settings,
    () => undefined,
  );
  await downloads.want(missing);
  hub.faults.wrongBytes = true;
  await assert.rejects(downloads.fetch(), /not what was promised/);
  assert.equal(downloads.isRunning, false);
  hub.faults.wrongBytes = false;
  assert.equal(await downloads.fetch(), true);
});

test('what is known of names on the hub, in words', async (context) => {
  const { settings, hub } = await begin(context, [MODEL, { ...DATA, formerly: ['wish/old'] }]);
  const lookUp = { settings: async () => settings };
  const { snapshots, missing } = await nameDatasets(['wish/old', 'wish/pairs'], lookUp);
  const commit = `commit ${hub.commit('dataset', 'wish/pairs').slice(0, 12)}`;
  assert.equal(
    foundText(snapshots, missing),
    `wish/old: 1 file, 3 B to download, now called wish/pairs, ${commit}; wish/pairs: 1 file, 3 B to download, ${commit}`,
  );
  assert.equal(foundText(snapshots.slice(1), []), `in the Hugging Face cache, ${commit}`);
  const progress = { name: 'a/b', phase: 'download' as const, done: 2 ** 20, total: 2 ** 22, bytesPerSecond: 2 ** 19, secondsLeft: 6 };
  assert.equal(fetchText(progress), 'a/b: 1.0 MiB of 4.0 MiB, 512 KiB/s, 6 s left');
  assert.equal(fetchText({ ...progress, phase: 'verify' }), 'a/b: checking');
  const where = 'https://huggingface.co/a/b';
  assert.equal(pageIn({ where, advice: 'ask for access at https://huggingface.co/a/b, then run `hf auth login`' }), where);
  assert.equal(
    pageIn({ where, advice: 'check the spelling: https://huggingface.co/models?search=b' }),
    'https://huggingface.co/models?search=b',
  );
  assert.equal(pageIn({ where, advice: 'choose another split' }), where);
  assert.equal(pageIn({ where: '/home/me/.cache', advice: 'give a folder' }), undefined);
});
