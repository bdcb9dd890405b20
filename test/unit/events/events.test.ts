import assert from 'node:assert/strict';
import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';

import fc from 'fast-check';

import { WishboneError } from '../../../src/core/errors.js';
import { EVENTS_FILE, followEvents, parseEvent, readEvents, type RunEvent } from '../../../src/core/events/index.js';
import { EventParser } from '../../../src/core/events/event-reader.js';
import { eventLine, startLine, stepLine, temporaryFolder, until } from '../run/support.js';

test('each kind of event is read', () => {
  const lines = [
    startLine(),
    eventLine('phase', { phase: 'reference' }),
    eventLine('progress', { phase: 'reference', done: 3, total: 9 }),
    eventLine('recompute', { layers: 32, mlp: 12, block: 0 }),
    eventLine('ceiling', { flops: 1e11 }),
    stepLine(1),
    eventLine('checkpoint', { step: 1, path: 'checkpoints/step-000001' }),
    eventLine('export', { path: 'export' }),
    eventLine('warning', { what: 'w', where: 'x', advice: 'a' }),
    stepLine(2, { communication: 0.01, slowest_rank: 1.02, rank_seconds: [0.4, 0.41] }),
    eventLine('devices', { devices: [{ name: 'GPU', utilisation: 0.9, memory: 1, memoryTotal: 2, temperature: 60, power: 400.5 }] }),
    eventLine('devices', { devices: [{ name: 'part of one' }] }),
    eventLine('finished', { steps: 10, seconds: 5.5 }),
    eventLine('finished', { steps: 10, seconds: 5.5, phases: { load: 1.5, train: 4, lunch: 0 } }),
    eventLine('stopped', { step: 4 }),
    eventLine('stopped', { step: 4, seconds: 5.5, phases: { load: 1.5, train: 4 } }),
    eventLine('failed', { what: 'w', where: 'x', advice: 'a', exitCode: 3 }),
  ];
  for (const line of lines) assert.equal(JSON.stringify(parseEvent(line, 'here')), line.trimEnd());
});

test('a metric that JSON cannot hold is null, a needed number is not', () => {
  assert.equal((parseEvent(stepLine(1, { loss: null }), 'here') as { loss: null }).loss, null);
  assert.throws(() => parseEvent(stepLine(1, { tokens: null }), 'here'), /"tokens"/);
});

test('a broken event says what and where', () => {
  for (const [line, what] of [
    ['{"seq":', /not valid JSON/],
    ['[]', /not a JSON object/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"toString"}', /unknown event type/],
    ['{"seq":-1,"time":"2026-01-02T15:04:05Z","type":"stopped","step":1}', /"seq"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"finished","steps":1,"seconds":1,"phases":{"load":-1}}', /"phases"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"stopped","step":1,"seconds":1,"phases":{"load":"1"}}', /"phases"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"stopped","step":1,"seconds":"long"}', /"seconds"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"warning","what":"w","where":7,"advice":"a"}', /"where"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"devices","devices":[{"utilisation":1}]}', /"devices"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"devices","devices":[{"name":"a","power":null}]}', /"devices"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"devices","devices":{}}', /"devices"/],
    [stepLine(1, { rank_seconds: [0.5, -1] }), /"rank_seconds"/],
    ['{"seq":0,"time":"late","type":"stopped","step":1}', /"time"/],
    ['{"seq":0,"time":"2026-01-02T15:04:05Z","type":"phase","phase":"lunch"}', /"phase"/],
  ] as const) {
    assert.throws(
      () => parseEvent(line, 'events.jsonl, line 7'),
      (error) => error instanceof WishboneError && what.test(error.what) && error.where === 'events.jsonl, line 7',
    );
  }
});

test('bytes cut anywhere give the same events, and broken lines cost only themselves', () => {
  const good = [startLine(), stepLine(1), eventLine('export', { path: 'Ausgänge/✓' }), stepLine(2)];
  const text = `${good[0]}\n{"seq":1,\n${good[1]}${good[2]}not json\n${good[3]}{"seq":99,"cut`;
  const bytes = Buffer.from(text);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const parser = new EventParser('f');
      const events: RunEvent[] = [];
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < places.length; i++) events.push(...parser.push(bytes.subarray(places[i - 1], places[i])));
      assert.deepEqual(
        events.map((event) => `${JSON.stringify(event)}\n`),
        good,
      );
      assert.equal(parser.skipped, 2);
      assert.equal(parser.firstProblem?.where, 'f, line 3');
    }),
  );
});

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.deepEqual(new EventParser('f').push(Buffer.from(bytes)), []);
    }),
  );
});

test('a line without end is dropped, not kept in memory', () => {
  const parser = new EventParser('f');
  const piece = Buffer.alloc(1 << 20, 0x61);
  for (let i = 0; i < 65; i++) parser.push(piece);
  assert.ok(parser.unfinished);
  const line = stepLine(1);
  assert.equal(parser.push(Buffer.from(`\n${line}`)).length, 1);
  assert.match(parser.firstProblem!.what, /too long/);
});

test('samples of many long prompts are read', () => {
  const prompts = Array.from({ length: 64 }, () => new Array<number>(4000).fill(128_000));
  const line = eventLine('sample', { step: 3, model: 'policy', prompts, completions: prompts.map(() => [1]) });
  assert.ok(line.length > 1.5e6);
  const parser = new EventParser('f');
  const bytes = Buffer.from(line);
  const events = [bytes.subarray(0, 900_000), bytes.subarray(900_000)].flatMap((part) => parser.push(part));
  assert.deepEqual([events.length, parser.skipped], [1, 0]);
  assert.deepEqual(events[0], JSON.parse(line));
});

test('a run without a log has no events; an unfinished last line is not one', async (context) => {
  const folder = await temporaryFolder(context);
  assert.deepEqual(await readEvents(folder), []);
  await writeFile(path.join(folder, EVENTS_FILE), startLine() + stepLine(1) + stepLine(2).slice(0, -10));
  assert.deepEqual(
    (await readEvents(folder)).map(({ type }) => type),
    ['start', 'step'],
  );
});

test('following sees what is there, what is appended, and the rest of a cut-off line', async (context) => {
  const folder = await temporaryFolder(context);
  const file = path.join(folder, EVENTS_FILE);
  const end = new AbortController();
  const seen: RunEvent[] = [];
  let resets = 0;
  const done = followEvents(
    folder,
    (events, reset) => {
      if (reset) {
        resets++;
        seen.length = 0;
      }
      seen.push(...events);
    },
    end.signal,
  );
  await until(() => resets === 1, 'the empty run is reported');
  await writeFile(file, startLine());
  await until(() => seen.length === 1, 'the first event comes');
  const line = stepLine(1);
  await appendFile(file, line.slice(0, 30));
  await appendFile(file, line.slice(30) + stepLine(2));
  await until(() => seen.length === 3, 'both steps come');
  assert.equal(resets, 1);

  const delays: number[] = [];
  for (let step = 3; step <= 7; step++) {
    const began = performance.now();
    await appendFile(file, stepLine(step));
    await until(() => seen.length === step + 1, 'a step comes');
    delays.push(performance.now() - began);
  }
  // The median: on a loaded machine any one of them may have to wait for a turn.
  assert.ok(delays.sort((a, b) => a - b)[2]! < 250, `events are seen within 250 ms: ${delays.join(', ')}`);

  await truncate(file, 0);
  await until(() => resets === 2 && seen.length === 0, 'a cut file begins again');
  await appendFile(file, startLine());
  await until(() => seen.length === 1, 'and goes on');

  await writeFile(`${file}.new`, startLine() + stepLine(1) + stepLine(2) + stepLine(3) + stepLine(4));
  await rename(`${file}.new`, file);
  await until(() => resets === 3 && seen.length === 5, 'a replaced file is read anew');

  await rm(file);
  await until(() => resets === 4 && seen.length === 0, 'a removed file has no events');
  end.abort();
  await done;
  await writeFile(file, startLine());
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(seen.length, 0, 'nothing comes after the end');
});

test('following a file that grows in odd pieces loses and doubles nothing', async (context) => {
  const folder = await temporaryFolder(context);
  const file = path.join(folder, EVENTS_FILE);
  const text = Buffer.from(startLine() + Array.from({ length: 400 }, (_, i) => stepLine(i + 1)).join(''));
  const end = new AbortController();
  const steps: number[] = [];
  const done = followEvents(
    folder,
    (events) => {
      for (const event of events) if (event.type === 'step') steps.push(event.step);
    },
    end.signal,
  );
  for (let at = 0; at < text.length; ) {
    const size = 1 + ((at * 7919) % 5000);
    await appendFile(file, text.subarray(at, at + size));
    at += size;
  }
  await until(() => steps.length === 400, 'all steps come');
  assert.deepEqual(
    steps,
    Array.from({ length: 400 }, (_, i) => i + 1),
  );
  end.abort();
  await done;
});

test('a listener that throws ends the following with its error', async (context) => {
  const folder = await temporaryFolder(context);
  await assert.rejects(
    followEvents(
      folder,
      () => {
        throw new Error('enough');
      },
      new AbortController().signal,
    ),
    /enough/,
  );
});
