import { access } from 'node:fs/promises';
import path from 'node:path';

/** True when a folder looks like a Hugging Face model with its tokenizer. */
export async function mayBeModel(folder: string): Promise<boolean> {
  try {
    await Promise.all(['config.json', 'tokenizer.json'].map((name) => access(path.join(folder, name))));
    return true;
  } catch {
    return false;
  }
}
