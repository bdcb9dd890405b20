// TRL's chat templates, which a unit test renders: fetched with pip into .cache/trl/templates, for they are not ours to keep.
// `node scripts/trl-templates.mjs`, or import { trlTemplates }.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchWheels } from './pip.mjs';
import { isScript, main, root, run } from './shell.mjs';

const wheel = 'trl==1.16.0 --hash=sha256:c4726e139dd40e1a41661511c639c8a68416782b2e3e8c0befebd77bb7ba0396';
const folder = join(root, '.cache', 'trl');

/** Fetches them where they are missing. Throws Failure when that does not work. */
export async function trlTemplates() {
  if (existsSync(join(folder, 'templates'))) return;
  console.log('fetching TRL from PyPI for its chat templates');
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  await fetchWheels([wheel], fresh);
  const [file] = readdirSync(fresh).filter((name) => name.endsWith('.whl'));
  await run('python3', ['-m', 'zipfile', '-e', join(fresh, file), join(fresh, 'wheel')], { quiet: true });
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(fresh, 'wheel/trl/chat_templates'), join(fresh, 'templates'));
  rmSync(join(fresh, 'wheel'), { recursive: true });
  renameSync(fresh, folder);
}

if (isScript(import.meta.url)) await main(trlTemplates);
