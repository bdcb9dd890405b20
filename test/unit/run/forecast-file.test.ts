import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import { FORECAST_FILE, readForecast, writeForecast } from '../../../src/core/run/index.js';
import { temporaryFolder } from './support.js';

test('what was predicted is kept, and what is no forecast is none', async (context) => {
  const folder = await temporaryFolder(context);
  assert.equal(await readForecast(folder), undefined);
  const forecast = { seconds: { load: 1.5, train: 20 }, total: 21.5, sources: ['steps at the pace of harbor'] };
  await writeForecast(folder, forecast);
  assert.deepEqual(await readForecast(folder), forecast);
  const whole = { format: 'wishbone-forecast', version: 1, ...forecast };
  for (const bad of [
    7,
    { ...whole, version: 2 },
    { ...whole, total: -1 },
    { ...whole, seconds: { load: 'x' } },
    { ...whole, sources: [1] },
  ]) {
    await writeFile(path.join(folder, FORECAST_FILE), JSON.stringify(bad));
    assert.equal(await readForecast(folder), undefined, JSON.stringify(bad));
  }
});

test('a folder that is gone keeps nothing, and nobody minds', async (context) => {
  await writeForecast(path.join(await temporaryFolder(context), 'gone'), { seconds: {}, total: 0, sources: [] });
});
