// Fetches bench/model as a run does, by the environment's settings. Prints the seconds.
import { fetchAll, hubSettings, nameModel } from '../../src/core/hub/index.ts';

const settings = await hubSettings();
const began = performance.now();
const { missing } = await nameModel('bench/model', 'model', { settings: async () => settings });
await fetchAll(settings, missing);
console.log((performance.now() - began) / 1000);
