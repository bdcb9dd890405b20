import assert from 'node:assert/strict';
import type { Frame } from 'playwright-core';

/**
 * Tries from inside a webview what its policy must forbid: a script without the nonce, one from elsewhere, evaluated
 * text, a request, a picture, and a file of the extension that is no part of its pages.
 */
export async function assertConfined(frame: Frame, what: string): Promise<void> {
  // Only plain expressions in here: this function is sent to the browser as text.
  const found = await frame.evaluate(async () => {
    const blocked = new Set<string>();
    document.addEventListener('securitypolicyviolation', (event) => blocked.add(event.effectiveDirective));
    const inline = document.createElement('script');
    inline.textContent = 'document.documentElement.dataset.leaked = "yes"';
    const remote = document.createElement('script');
    remote.src = 'https://example.invalid/script.js';
    document.body.append(inline, remote);
    const image = new Image();
    image.src = 'https://example.invalid/picture.png';
    await fetch('https://example.invalid/').catch(() => undefined);
    // In a turn of its own: what the debugger runs may evaluate.
    const evaluated = await new Promise<boolean>((done) =>
      setTimeout(() => {
        try {
          done(new Function('return true')() as boolean);
        } catch {
          done(false);
        }
      }),
    );
    const own = document.querySelector<HTMLLinkElement>('link[rel=stylesheet]')!.href;
    const loads: boolean[] = [];
    for (const file of [undefined, 'dist/extension.js', 'README.md']) {
      const link = document.createElement('link');
      link.rel = 'stylesheet';
      link.href = file === undefined ? `${own}?again` : own.replace(/dist\/webview\/[^/]*$/, file);
      loads.push(
        await new Promise<boolean>((done) => {
          link.onload = () => done(true);
          link.onerror = () => done(false);
          document.head.append(link);
        }),
      );
      link.remove();
    }
    for (const made of [inline, remote]) made.remove();
    return { blocked: [...blocked].sort(), evaluated, leaked: document.documentElement.dataset['leaked'] ?? 'no', loads };
  });
  assert.deepEqual(
    found,
    {
      blocked: ['connect-src', 'img-src', 'script-src', 'script-src-elem'],
      evaluated: false,
      leaked: 'no',
      loads: [true, false, false],
    },
    what,
  );
}
