// The example project that the extension creates in a folder of one's choice: a part of examples/, copied to dist/example.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './shell.mjs';

const PARTS = ['README.md', 'example.wishbone.json', 'preferences.jsonl', 'tiny-llama'];

/** Copies the example project into a folder. */
export async function copyExample(folder) {
  for (const part of PARTS) await cp(join(root, 'examples', part), join(folder, part), { recursive: true });
}
