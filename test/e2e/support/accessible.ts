import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Frame } from 'playwright-core';

/** Looks a webview through for what keeps people with screen readers, keys alone or weak eyes out; none may be serious. */
export async function assertAccessible(frame: Frame, what: string): Promise<void> {
  // Evaluated, not added as a script: the page's policy lets nothing in.
  await frame.evaluate(axe.source);
  const violations = await frame.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: (
          context: Document,
          options: object,
        ) => Promise<{
          violations: { id: string; impact: string | null; help: string; nodes: { html: string; failureSummary?: string }[] }[];
        }>;
      };
    };
    const results = await axe.run(document, { resultTypes: ['violations'] });
    return results.violations.map(({ id, impact, help, nodes }) => ({
      id,
      impact,
      help,
      nodes: nodes.slice(0, 5).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ''}`),
    }));
  });
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(serious, [], `${what}: ${serious.map(({ id }) => id).join(', ')}`);
}
