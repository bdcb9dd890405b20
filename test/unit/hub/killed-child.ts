import { fetchPlan, hubSettings, resolveModel } from '../../../src/core/hub/index.js';
import { named } from './support.js';

/** Fetches a model by the environment's settings, says when bytes come, and is killed by whoever started it. */
async function main(): Promise<void> {
  const settings = await hubSettings({ proxy: '' });
  const resolved = await resolveModel(settings, named(process.argv[2]!), 'model');
  if (resolved.kind === 'missing') {
    process.stdout.write(`missing ${resolved.plan.bytes}\n`);
    let told = 0;
    await fetchPlan(settings, resolved.plan, {
      onProgress: ({ done }) => {
        if (done - told < 200_000) return;
        told = done;
        process.stdout.write(`done ${done}\n`);
      },
    });
  }
  process.stdout.write('whole\n');
}

void main();
