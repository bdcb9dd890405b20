import assert from 'node:assert/strict';
import { test } from 'node:test';

import { noneText } from '../../../src/extension/none-text.js';

test('a command that is for none of the runs says what it needs, and where there are none, that', () => {
  const there = { wanted: 'a finished run', hasFolder: true, isAny: true };
  assert.equal(
    noneText('Judge Completions', 'run', there),
    'Wishbone: “Judge Completions” needs a finished run. No run of this workspace is one.',
  );
  assert.equal(noneText('Judge Completions', 'run', { ...there, isAny: false }), 'Wishbone: no runs in this workspace yet.');
  assert.equal(
    noneText('Pause Sweep', 'sweep', { ...there, hasFolder: false, isAny: false }),
    'Wishbone: sweeps are stored in the open folder. Open one first.',
  );
});
