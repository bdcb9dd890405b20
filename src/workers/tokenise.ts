// Tokenises batches of pairs off the main thread. Started by `tokeniseInThreads`.
import { parentPort, workerData } from 'node:worker_threads';
import { failedAnswer, type TokeniserAnswer, type TokeniserRequest, type TokeniserTask } from '../core/tokenise/messages.js';
import { tokeniseHere } from '../core/tokenise/tokenisers.js';

const port = parentPort;
if (!port) throw new Error('this file is a worker; it is not run by itself');

const tokeniser = tokeniseHere(workerData as TokeniserTask);
// A tokenizer that cannot be loaded is told to whoever sends the first batch.
tokeniser.catch(() => undefined);

/** Answers go out in the order of the requests. */
let last: Promise<void> = Promise.resolve();
port.on('message', (pairs: TokeniserRequest) => {
  last = last.then(async () => {
    let answer: TokeniserAnswer;
    try {
      answer = { type: 'batch', batch: await (await tokeniser).tokenise(pairs) };
    } catch (error) {
      answer = failedAnswer(error);
    }
    const buffers =
      answer.type === 'batch' ? [answer.batch.tokens.buffer as ArrayBuffer, answer.batch.meta.buffer as ArrayBuffer] : [];
    port.postMessage(answer, buffers);
  });
});
