import { test } from 'node:test';

/**
 * For a file whose tests are one person's session: each goes on where the one before it ended, so after one that fails
 * the rest is skipped.
 */
export function oneAfterAnother(): (name: string, act: () => Promise<void>) => void {
  let broken = false;
  return (name, act) => {
    void test(name, async (context) => {
      if (broken) {
        context.skip('a test before it failed');
        return;
      }
      broken = true;
      await act();
      broken = false;
    });
  };
}
