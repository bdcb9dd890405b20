// Puts the pictures of the package's page, docs/extension.md, into the page itself. vsce makes addresses of the repository of
// them: without a network, and before the repository is public, they show nothing; and VS Code shows no files of the package
// there.
import { existsSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, root } from './shell.mjs';

/** Seen from the repository. */
export const PAGE = 'docs/extension.md';

/** Where vsce puts it. */
const PACKED = 'extension/readme.md';

/** Rewrites the page within a .vsix. Throws Failure when a picture is missing. */
export async function embedPictures(vsix) {
  // Not at the top of the file: setup may have to install it first.
  const { default: AdmZip } = await import('adm-zip');
  const zip = new AdmZip(vsix);
  const entry = zip.getEntry(PACKED);
  if (entry === null) throw new Failure(`${vsix}: it has no ${PACKED}.`);
  let page = entry.getData().toString('utf8');
  for (const [whole, alt, file] of page.matchAll(/!\[([^\]]*)\]\(https:[^)]*?\/(media\/[^)]+)\)/g)) {
    if (!existsSync(join(root, file))) throw new Failure(`${file}: the package's page shows it; npm run pictures makes it.`);
    const picture = (await readFile(join(root, file))).toString('base64');
    page = page.replace(whole, () => `![${alt}](data:image/png;base64,${picture})`);
  }
  // Everything else stays as it is packed.
  zip.updateFile(entry, Buffer.from(page));
  zip.writeZip(vsix);
  await chmod(vsix, 0o644);
}
