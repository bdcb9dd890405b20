import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingRunner } from '../../../src/core/runner/missing-runner.js';

const said = (platform: string, arch: string, isInSources = false): string =>
  missingRunner('/w/dist/bin', isInSources, { platform, arch }).format();

test('without a runner it is said what is missing, and what to do on this machine', () => {
  assert.match(said('linux', 'x64'), /runner is missing.*\n.*\n {2}fix: install the package of Wishbone for linux-x64/);
  assert.match(said('linux', 'arm64'), /linux-arm64/);
  assert.match(said('linux', 'x64', true), /npm run build:native/);
  assert.match(said('linux', 'riscv64'), /no runner for linux on riscv64/);
  assert.match(said('darwin', 'arm64'), /trained on Linux: there is no runner for macOS.*\n.*\n {2}fix: .*Remote - SSH/);
  assert.match(said('darwin', 'arm64', true), /macOS/);
  const windows = said('win32', 'x64');
  assert.match(windows, /Windows/);
  assert.match(windows, /WSL.*Remote - SSH/);
  for (const [platform, arch] of [
    ['darwin', 'arm64'],
    ['win32', 'x64'],
    ['freebsd', 'x64'],
  ] as const)
    assert.match(said(platform, arch), /all else works here/);
});
