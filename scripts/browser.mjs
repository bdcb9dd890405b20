// The browser that drives VS Code in tests.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { which } from './shell.mjs';

/** Path of a Chromium, or undefined: $CHROMIUM, then the usual names in PATH, then the one Playwright has downloaded. */
export function findBrowser() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'google-chrome-stable', 'google-chrome']) {
    const path = which(name);
    if (path) return path;
  }
  try {
    const path = createRequire(import.meta.url)('playwright-core').chromium.executablePath();
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Chromium's switches for tests: no windows, no services of its own that would call out. */
export const browserArguments = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
