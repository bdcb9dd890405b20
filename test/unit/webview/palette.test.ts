import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isDark, runStyle } from '../../../webview/run/palette.js';

const THEMES = {
  dark: { background: '#1f1f1f', highContrast: false },
  light: { background: '#ffffff', highContrast: false },
  'high contrast': { background: '#000000', highContrast: true },
  'high contrast light': { background: '#ffffff', highContrast: true },
};
const COLORS = 12;

const parts = (color: string): [number, number, number] =>
  [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255) as [number, number, number];

/** OKLab of an sRGB colour (Ottosson, "A perceptual color space for image processing", 2020). */
function toOklab(rgb: readonly number[]): number[] {
  const [r, g, b] = rgb.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function luminance(color: string): number {
  const [r, g, b] = parts(color).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

for (const [name, theme] of Object.entries(THEMES)) {
  test(`${name}: runs have colours that are seen, and told from each other`, () => {
    const colors = Array.from({ length: COLORS }, (_, place) => runStyle(theme, place).color);
    for (const color of colors) {
      const [a, b] = [luminance(color), luminance(theme.background)].sort((x, y) => y - x) as [number, number];
      // What graphics need by WCAG 2.2, 1.4.11; more where somebody asked for it.
      const contrast = (a + 0.05) / (b + 0.05);
      assert.ok(contrast >= (theme.highContrast ? 4.5 : 3), `${color}: ${contrast.toFixed(2)}`);
    }
    colors.forEach((one, i) => {
      for (const [k, other] of colors.entries()) {
        if (k <= i) continue;
        const [p, q] = [toOklab(parts(one)), toOklab(parts(other))];
        const apart = Math.hypot(...p.map((value, axis) => value - q[axis]!));
        // Two hundredths can just be told side by side; in OKLab that is the same everywhere.
        const least = k < 6 ? 0.19 : 0.13;
        assert.ok(apart >= least, `${i} ${one} and ${k} ${other}: ${apart.toFixed(3)}`);
      }
    });
  });
}

test('past all colours lines have dashes: 48 runs look different', () => {
  const looks = Array.from({ length: 48 }, (_, place) => runStyle(THEMES.dark, place));
  const all = looks.map(({ color, dash }) => `${color} ${dash.join(' ')}`);
  assert.equal(new Set(all).size, 48);
  // No dash of one kind is a dash of the other: a second curve is never taken for another run's first.
  const dashes = new Set(looks.map(({ dash }) => dash.join(' ')));
  assert.ok(looks.every(({ dots }) => !dashes.has(dots.join(' '))));
});

test('the background decides, however it is written', () => {
  assert.deepEqual(['#1f1f1f', '#ffffff', 'rgb(250, 250, 240)', 'rgba(0, 0, 0, 1)', 'currentcolor'].map(isDark), [
    true,
    false,
    false,
    true,
    true,
  ]);
});
