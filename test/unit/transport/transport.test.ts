import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { BadRowError, ExitCode, WishboneError } from '../../../src/core/errors.js';
import type { OwnedChannel } from '../../../src/core/transport/channel.js';
import { Client, type ClientListener, ProcessEnded, startProcess, startReading, startThread } from '../../../src/core/transport/index.js';
import { hardLimit } from '../../../src/core/transport/hard-limit.js';
import { until } from '../run/support.js';
import type { TestCalls, TestEvents } from './served.js';
import { bundled } from './support.js';

const kinds = { thread: startThread, process: startProcess } as const;

for (const [kind, start] of Object.entries(kinds) as [string, (file: string) => OwnedChannel][]) {
  async function client(t: TestContext, listener: ClientListener<TestEvents> = {}): Promise<Client<TestCalls, TestEvents>> {
    const made = new Client<TestCalls, TestEvents>(start(await bundled(t, 'served.ts')), listener);
    t.after(() => made.end());
    return made;
  }

  test(`${kind}: answers come to whoever asked, as they were`, async (t) => {
    const asked = await client(t);
    const numbers = [1, 2, 3].map((length) => new Int32Array(length).fill(length));
    const answers = await Promise.all(numbers.map((each) => asked.call('double', each)));
    assert.deepEqual(
      answers,
      numbers.map((each) => each.map((number) => 2 * number)),
    );
    assert.equal(asked.waiting, 0);
    assert.deepEqual(await asked.call('moved', 4), Uint8Array.of(7, 7, 7, 7));
    // A thread's memory goes over to the other; a process has its own.
    assert.equal(await asked.call('left', null), kind === 'thread' ? 0 : 4);
  });

  test(`${kind}: errors arrive as they were`, async (t) => {
    const asked = await client(t);
    await assert.rejects(asked.call('fail', 'wishbone'), (error) => {
      assert.ok(error instanceof WishboneError && !(error instanceof BadRowError));
      assert.deepEqual([error.what, error.where, error.advice, error.exitCode], ['what', 'where', 'advice', ExitCode.cannotWrite]);
      return true;
    });
    await assert.rejects(asked.call('fail', 'row'), (error) => error instanceof BadRowError && error.where === 'file:3');
    await assert.rejects(asked.call('fail', 'fault'), (error) => /a fault/.test(String(error)) && /served/.test((error as Error).stack!));
    await assert.rejects(asked.call('fail', 'text'), /a text/);
    await assert.rejects(asked.call('uncloneable', null), /could not be cloned/);
    await assert.rejects(asked.call('nothing' as 'left', null), /there is no method "nothing"/);
    await assert.rejects(asked.call('toString' as 'left', null), /there is no method "toString"/);
  });

  test(`${kind}: a call tells how far it is, is cancelled, and others go on meanwhile`, async (t) => {
    const asked = await client(t);
    const cancel = new AbortController();
    const reason = new Error('changed my mind');
    const steps: number[] = [];
    const long = asked.call('long', 1, { signal: cancel.signal, onProgress: ({ done }) => steps.push(done) });
    const other = asked.call('long', 1);
    other.catch(() => undefined);
    await until(() => steps.length > 2, 'three steps');
    assert.deepEqual(steps.slice(0, 3), [0, 1, 2]);
    assert.deepEqual(await asked.call('double', Int32Array.of(4)), Int32Array.of(8));
    cancel.abort(reason);
    await assert.rejects(long, (error) => error === reason);
    assert.equal(await asked.call('cancelled', null), 1);
    assert.equal(asked.waiting, 1, 'the other goes on');
    await assert.rejects(asked.call('double', Int32Array.of(1), { signal: cancel.signal }), (error) => error === reason);
  });

  test(`${kind}: what is told without being asked, and faults of what was told`, async (t) => {
    const heard: unknown[] = [];
    const faults: Error[] = [];
    const asked = await client(t, { events: { shouted: (value) => heard.push(value) }, onFault: (fault) => faults.push(fault) });
    asked.tell('shout', 'ho');
    asked.tell('shout', '');
    asked.tell('shout', 'hey');
    await until(() => heard.length === 2 && faults.length === 1, 'all of it');
    const bytes = Uint8Array.of(1, 2, 3);
    assert.deepEqual(heard, [
      { text: 'HO', bytes },
      { text: 'HEY', bytes },
    ]);
    assert.match(faults[0]!.message, /nothing to shout/);
  });

  test(`${kind}: an end nobody asked for rejects what is open, and is told once`, async (t) => {
    const ends: Error[] = [];
    const asked = await client(t, { onEnd: (error) => ends.push(error) });
    const open = asked.call('long', 1);
    const last = asked.call('exit', 3);
    await assert.rejects(open, /ended early with code 3/);
    await assert.rejects(last, /ended early with code 3/);
    await assert.rejects(asked.call('left', null), /ended early with code 3/);
    await asked.end();
    assert.equal(ends.length, 1);
  });

  test(`${kind}: what hangs is ended at once; what is closed ends by itself`, async (t) => {
    const ends: Error[] = [];
    const asked = await client(t, { onEnd: (error) => ends.push(error) });
    const reason = new Error('too long');
    await asked.call('left', null);
    const hanging = asked.call('hang', null);
    const ended = asked.end(reason);
    await assert.rejects(hanging, (error) => error === reason);
    await ended;
    assert.deepEqual(ends, []);

    const channel = start(await bundled(t, 'served.ts'));
    let isGone = false;
    const closed = new Client<TestCalls>({
      ...channel,
      listen: ({ onMessage, onEnd }) => channel.listen({ onMessage, onEnd: (error) => ((isGone = true), onEnd(error)) }),
    });
    await closed.call('left', null);
    closed.close();
    await assert.rejects(closed.call('left', null), /closed/);
    await until(() => isGone, 'its end');
  });
}

test('a process that wants more memory than it may have ends alone, and says why', async (t) => {
  const asked = new Client<TestCalls>(startProcess(await bundled(t, 'served.ts'), { heap: 40 }));
  t.after(() => asked.end());
  await assert.rejects(asked.call('fill', null), (error) => error instanceof ProcessEnded && error.isOutOfMemory);
});

test('a process gets no more memory than it may have, however fast it takes it', { skip: hardLimit(1).length === 0 }, async (t) => {
  const limits = { memory: 200 * 2 ** 20, busy: 60 };
  const start = async (): Promise<Client<TestCalls>> => {
    const asked = new Client<TestCalls>(startProcess(await bundled(t, 'served.ts'), { limits }));
    t.after(() => asked.end());
    return asked;
  };
  assert.equal(await (await start()).call('take', 50 * 2 ** 20), 50 * 2 ** 20);
  // More at once than is left: there is no time in which anybody could look.
  await assert.rejects((await start()).call('take', 4 * 2 ** 30), (error) => error instanceof ProcessEnded && error.isOutOfMemory);
  await assert.rejects((await start()).call('fill', null), (error) => error instanceof ProcessEnded && error.isOutOfMemory);
});

test('a limited process starts the runner without its limit', { skip: hardLimit(1).length === 0 }, async (t) => {
  const limits = { memory: 200 * 2 ** 20, busy: 60 };
  const asked = new Client<TestCalls>(startProcess(await bundled(t, 'served.ts'), { limits }));
  t.after(() => asked.end());
  const limit = String((200 + 1024) * 2 ** 20);
  const own = /^Max data size\s+\S+\s+(\S+)/m.exec(await readFile('/proc/self/limits', 'utf8'))![1];
  assert.deepEqual(await asked.call('limits', null), [limit, limit, own]);
});

test('a process that hangs does not outlive the one that started it', async (t) => {
  const [served, file] = [await bundled(t, 'served.ts'), await bundled(t, 'parent.ts')];
  const parent = spawn(process.execPath, [file, served], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line);
  const isThere = (): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  // It is at it by now, or at the latest when it is asked.
  await sleep(200);
  assert.ok(pid > 0 && isThere());
  parent.kill('SIGKILL');
  await until(() => !isThere(), 'its end');
});

test('a process that reads for what is open: by its bundle, with what it says when it ends', async (t) => {
  // It keeps nobody alive, not even who waits for its answer.
  const alive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(alive));
  let ended: unknown;
  const limits = { memory: 2 ** 30, busy: 60 };
  const onEnd = (error: unknown): void => void (ended = error);
  const reading = startReading<TestCalls, TestEvents>('served', limits, { onEnd }, await bundled(t, 'served.ts'));
  assert.deepEqual(await reading.call('double', Int32Array.of(4)), Int32Array.of(8));
  await reading.end();
  assert.equal(ended, undefined, 'somebody ended it');
  assert.throws(() => startReading('nothing', limits), /there is no bundle of src\/workers\/nothing\.ts/);
});
