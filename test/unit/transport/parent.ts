// A process that starts another, tells its number and waits: the tests end it without a word.
import { Client, startProcess } from '../../../src/core/transport/index.js';
import type { TestCalls } from './served.js';

const asked = new Client<TestCalls>(startProcess(process.argv[2] as string));
void asked.call('pid', null).then((pid) => {
  asked.call('hang', null).catch(() => undefined);
  process.stdout.write(`${pid}\n`);
});
