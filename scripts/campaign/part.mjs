// One part of a campaign, in a process of its own: kills wait for their runs, and fuzzing does not wait for them.
import { fuzzNative } from './native-campaign.mjs';
import { fuzzReaders } from './readers-campaign.mjs';
import { killRuns } from './kills-campaign.mjs';

const parts = { readers: fuzzReaders, native: fuzzNative, kills: killRuns };
const { name, options } = JSON.parse(process.argv[2]);
try {
  const report = await parts[name](options);
  process.send({ report: report instanceof Map ? [...report] : report }, () => process.exit(0));
} catch (error) {
  process.send({ failed: error.message }, () => process.exit(1));
}
