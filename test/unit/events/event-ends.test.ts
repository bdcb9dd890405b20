import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { EVENTS_FILE, readEventEnds } from '../../../src/core/events/index.js';
import { headline, RunHistory } from '../../../src/core/history/index.js';
import { evalLine, eventLine, startLine, stepLine, temporaryFolder } from '../run/support.js';

for (const evals of [false, true]) {
  test(`a line of a list needs few steps of a log, and says the same (evaluations: ${evals})`, async (context) => {
    const folder = await temporaryFolder(context);
    const lines = [startLine({ steps: 400 })];
    for (let step = 1; step <= 400; step++) {
      lines.push(stepLine(step, { steps: 400, loss: 1 / step }));
      if (evals && step % 100 === 0) lines.push(evalLine(step, { steps: 400, eval_loss: Math.abs(step - 200), best: step <= 200 }));
      if (step === 150) lines.push(startLine({ steps: 400, resumedFrom: 150, pid: 77 }));
    }
    await writeFile(path.join(folder, EVENTS_FILE), lines.join('') + eventLine('stopped', { step: 400 }));
    const [whole, brief] = [await readEventEnds(folder), await readEventEnds(folder, { evals, brief: true })];
    assert.ok(brief.length < whole.length / 2, `${brief.length} of ${whole.length}`);
    const [expected, found] = [new RunHistory(), new RunHistory()];
    for (const event of whole) expected.add(event);
    for (const event of brief) found.add(event);
    assert.deepEqual(headline(found), headline(expected));
    assert.deepEqual(found.evals, expected.evals);
    assert.equal(found.starts, 2);
    assert.equal(found.step, 400);
    assert.deepEqual(found.terminal, expected.terminal);
  });
}
