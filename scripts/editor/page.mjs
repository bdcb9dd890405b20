// A browser page, driven over Chromium's own debugging pipe. Playwright would also be told of every network message, and
// a large file comes to the window as one: it took more than ten times as long to open.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { browserArguments } from '../browser.mjs';
import { Failure } from '../shell.mjs';

const keys = { Enter: [13, '\r'], Escape: [27], F1: [112] };
const size = { width: 1440, height: 900 };

export class Page {
  #browser;
  #profile;
  #session;
  #waiting = new Map();
  #requests = 0;

  /** Starts a browser of its own with one empty page. `patience`: milliseconds after which waiting is given up. */
  static async open(executable, patience) {
    const page = new Page();
    page.patience = patience;
    page.#profile = await mkdtemp(join(tmpdir(), 'wishbone-browser-'));
    const switches = [...browserArguments, '--remote-debugging-pipe', `--user-data-dir=${page.#profile}`, 'about:blank'];
    page.#browser = spawn(executable, switches, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    page.#browser.once('exit', () => page.#fail(new Failure('the browser has ended')));
    page.#listen(page.#browser.stdio[4]);
    for (;;) {
      const { targetInfos } = await page.#send('Target.getTargets');
      const target = targetInfos.find(({ type }) => type === 'page');
      if (target !== undefined) {
        ({ sessionId: page.#session } = await page.#send('Target.attachToTarget', { targetId: target.targetId, flatten: true }));
        break;
      }
      await sleep(50);
    }
    await page.#send('Emulation.setDeviceMetricsOverride', { ...size, deviceScaleFactor: 1, mobile: false });
    return page;
  }

  /** Process id of the browser. */
  get pid() {
    return this.#browser.pid;
  }

  async go(url) {
    await this.#send('Page.navigate', { url });
  }

  /** Value of an expression over the page; a promise is awaited. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Failure(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  /** Waits until an expression is true; false when it is not within `patience` milliseconds and that is no fault. */
  async waitFor(expression, patience) {
    const end = Date.now() + (patience ?? this.patience);
    while (!(await this.evaluate(`Boolean(${expression})`).catch(() => false))) {
      if (Date.now() < end) await sleep(50);
      else if (patience !== undefined) return false;
      else throw new Failure(`waited ${this.patience / 1000} s in vain: ${expression}`);
    }
    return true;
  }

  /** Clicks an element, given as an expression; at a place in it, or at its middle. */
  async click(element, place, clicks = 1) {
    await this.waitFor(element);
    const { x, y, width, height } = await this.evaluate(`${element}.getBoundingClientRect().toJSON()`);
    const at = { x: x + (place?.x ?? width / 2), y: y + (place?.y ?? height / 2), button: 'left' };
    for (let clickCount = 1; clickCount <= clicks; clickCount++) {
      await this.#send('Input.dispatchMouseEvent', { type: 'mousePressed', ...at, clickCount });
      await this.#send('Input.dispatchMouseEvent', { type: 'mouseReleased', ...at, clickCount });
    }
  }

  /** Presses a key: a letter, a space, or one of those named above. Resolves when the page has taken it. */
  async press(key) {
    const [windowsVirtualKeyCode, text] = keys[key] ?? [key.toUpperCase().charCodeAt(0), key];
    const code = key.length > 1 ? key : key === ' ' ? 'Space' : `Key${key.toUpperCase()}`;
    const event = { key, code, windowsVirtualKeyCode };
    await Promise.all([
      this.#send('Input.dispatchKeyEvent', text === undefined ? { type: 'rawKeyDown', ...event } : { type: 'keyDown', text, ...event }),
      this.#send('Input.dispatchKeyEvent', { type: 'keyUp', ...event }),
    ]);
  }

  /** A picture of the page, as PNG. */
  async screenshot() {
    const { data } = await this.#send('Page.captureScreenshot');
    return Buffer.from(data, 'base64');
  }

  async insert(text) {
    await this.#send('Input.insertText', { text });
  }

  async close() {
    this.#browser.removeAllListeners('exit');
    const ended = new Promise((done) => this.#browser.once('exit', done));
    this.#browser.kill('SIGKILL');
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  #send(method, params = {}) {
    const id = ++this.#requests;
    const { promise, ...settle } = withResolvers();
    this.#waiting.set(id, { method, ...settle });
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#browser.stdio[3].write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return promise;
  }

  #listen(stream) {
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (more) => {
      const messages = (text + more).split('\0');
      text = messages.pop();
      for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
        const waiting = this.#waiting.get(id);
        this.#waiting.delete(id);
        if (error) waiting?.reject(new Failure(`${waiting.method}: ${error.message}`));
        else waiting?.resolve(result);
      }
    });
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function withResolvers() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}
