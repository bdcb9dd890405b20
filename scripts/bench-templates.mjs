// Measures the engine of chat templates: starting it, and the texts of 2,000 pairs (prompt, and prompt with either response) under
// each of the templates that the unit tests render. Processor seconds of all threads, for others may use the machine.
// `npm run bench:templates [name…]`, names of files without `.jinja`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ChatTemplate } from '../src/core/tokenizer/chat-template.ts';
import { root } from './shell.mjs';

const folders = ['test/unit/tokenizer/templates/families', '.cache/trl/templates'].map((folder) => join(root, folder));
const wanted = process.argv.slice(2);
const files = folders
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((file) => file.endsWith('.jinja') && (wanted.length === 0 || wanted.includes(basename(file, '.jinja'))));

const message = (role, content) => ({ role, content });
const pairs = Array.from({ length: 2_000 }, (_, index) => ({
  messages: [
    message('user', `How do I keep bread fresh, number ${index}? `.repeat(8)),
    message('assistant', 'In a paper bag, or sliced in the freezer. '.repeat(10)),
    message('user', 'And in summer? '.repeat(12)),
  ],
  parts: [
    { messages: [], addGenerationPrompt: true },
    { messages: [message('assistant', `Sooner. ${index} `.repeat(40))], addGenerationPrompt: false },
    { messages: [message('assistant', `Never. ${index} `.repeat(40))], addGenerationPrompt: false },
  ],
  specialTokens: { bos_token: '<s>', eos_token: '</s>' },
}));

/** Wall and processor milliseconds of some work. */
function measured(work) {
  const [begin, before] = [performance.now(), process.cpuUsage()];
  work();
  const { user, system } = process.cpuUsage(before);
  return { wall: performance.now() - begin, cpu: (user + system) / 1000 };
}

const start = measured(() => ChatTemplate.of('', '').check());
console.log(`start  ${start.wall.toFixed(0)} ms (${start.cpu.toFixed(0)} ms of processors)`);
for (const file of files) {
  const template = ChatTemplate.of(readFileSync(file, 'utf8'), file);
  const batch = 100;
  const all = () => {
    for (let from = 0; from < pairs.length; from += batch) {
      const bad = template.renderAll(pairs.slice(from, from + batch)).find((texts) => texts instanceof Error);
      if (bad) throw bad;
    }
  };
  try {
    all();
  } catch (error) {
    console.log(`${basename(file).padEnd(40)} ${error.message}`);
    continue;
  }
  const { cpu } = [measured(all), measured(all), measured(all)].reduce((best, one) => (one.cpu < best.cpu ? one : best));
  console.log(
    `${basename(file).padEnd(40)} ${(pairs.length / (cpu / 1000)).toFixed(0).padStart(6)} pairs/s, ${((cpu * 1000) / pairs.length / 3).toFixed(0)} us a text`,
  );
}
process.exit();
