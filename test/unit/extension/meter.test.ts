import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Meter } from '../../../src/extension/gpu/meter.js';

const MIB = 2 ** 20;

test('a download says how far it is and what is left, a few times a second, and its bar only grows', () => {
  let now = 0;
  const reports: { message: string; increment: number }[] = [];
  const meter = new Meter(
    (message, increment) => reports.push({ message, increment }),
    () => now,
  );
  for (; now <= 10_000; now += 10) meter.show({ phase: 'download', done: (now / 10_000) * 400 * MIB, total: 400 * MIB });
  assert.ok(reports.length > 30 && reports.length < 45, String(reports.length));
  assert.match(reports[0]!.message, /^Downloading: 0 MiB of 400 MiB$/);
  assert.match(reports.at(-2)!.message, /^Downloading: \d+ MiB of 400 MiB, (\d+ s|under 1 s) left$/);
  meter.show({ phase: 'verify', done: 0, total: 400 * MIB });
  now += 300;
  meter.show({ phase: 'verify', done: 400 * MIB, total: 400 * MIB });
  meter.show({ phase: 'unpack', done: 0, total: 480 * MIB });
  now += 300;
  meter.show({ phase: 'unpack', done: 480 * MIB, total: 480 * MIB });
  assert.deepEqual(
    reports.slice(-2).map(({ message }) => message),
    ['Unpacking: 0 MiB of 480 MiB', 'Unpacking: 480 MiB of 480 MiB'],
  );
  assert.ok(reports.every(({ increment }) => increment >= 0));
  const whole = reports.reduce((sum, { increment }) => sum + increment, 0);
  assert.ok(Math.abs(whole - 100) < 1e-6, String(whole));
});

test('where the index does not say how much it is, the bar waits', () => {
  const reports: { message: string; increment: number }[] = [];
  new Meter((message, increment) => reports.push({ message, increment })).show({ phase: 'download', done: 3 * MIB, total: 0 });
  assert.deepEqual(reports, [{ message: 'Downloading: 3 MiB', increment: 0 }]);
});
