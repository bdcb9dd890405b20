// Writes the package's page, dist/README.md, from docs/extension.md. Its pictures are within it: a page that fetches them from
// elsewhere shows none without a network, and VS Code shows no files of the package there.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, root } from './shell.mjs';

/** Where vsce finds it, seen from the repository. */
export const PAGE = 'dist/README.md';

/** @throws Failure when a picture is missing */
export async function writePackagePage() {
  let page = await readFile(join(root, 'docs/extension.md'), 'utf8');
  for (const [whole, alt, file] of page.matchAll(/!\[([^\]]*)\]\(([^):]+)\)/g)) {
    if (!existsSync(join(root, file))) throw new Failure(`${file}: the package's page shows it; npm run pictures makes it.`);
    const picture = (await readFile(join(root, file))).toString('base64');
    // Not as Markdown: vsce takes every link of it that has no `//` for a file of the repository.
    page = page.replace(whole, () => `<img alt="${alt.replaceAll('"', '&quot;')}" src="data:image/png;base64,${picture}">`);
  }
  await mkdir(join(root, 'dist'), { recursive: true });
  await writeFile(join(root, PAGE), page);
}
