// Makes the pictures from the real thing: `npm run pictures [readme] [walkthrough] [NAME…]`. Those of README and docs go to
// media/screenshots, which the package leaves out but for those on its page; those of the walkthrough, in a dark and a light theme, to
// media/walkthrough. Runs are trained on the example data, and a real VS Code shows them. A NAME is that of one picture of the README.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Session } from '../test/e2e/support/session.ts';
import { packForWindow } from './package.mjs';
import { README, train, writeFaults } from './readme-pictures.mjs';
import { setup } from './setup.mjs';
import { WALKTHROUGH } from './walkthrough-pictures.mjs';
import { Failure, main, output, root } from './shell.mjs';

const folder = join(root, 'media/screenshots');
/** Of the window, where a picture names none. */
const size = { width: 1440, height: 900 };

/** Takes pictures one after the other. @returns those that could not be made, and why */
async function take(session, pictures, file, area) {
  const { workbench } = session;
  const failed = [];
  for (const [name, show] of Object.entries(pictures)) {
    try {
      await show(session);
    } catch (error) {
      // What was on the screen then is in test-results; the other pictures are made all the same.
      await workbench.screenshot(`picture-${name}`);
      failed.push(`${name}: ${error.message.split('\n')[0]}`);
      continue;
    }
    await workbench.clearNotifications();
    // What the mouse lies over looks different.
    await workbench.page.mouse.move(5, 5);
    // Two frames later everything is drawn that was told.
    await workbench.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const path = file(name);
    await workbench.page.screenshot({ path, ...(await area(name)) });
    // 256 colours, chosen for each picture, are enough for what panels are made of, and a third of the bytes.
    await output('pngquant', ['--force', '--ext', '.png', '--speed', '1', '--strip', '256', path]);
    console.log(`${path}  ${((await stat(path)).size / 1024).toFixed(0)} KiB`);
  }
  return failed;
}

/** @param names of the pictures that are wanted */
async function takeForReadme(session, names) {
  await mkdir(folder, { recursive: true });
  const show = Object.fromEntries(
    names.map((name) => [
      name,
      async () => {
        await session.workbench.page.setViewportSize(README[name].size ?? size);
        await README[name].show(session);
      },
    ]),
  );
  return take(
    session,
    show,
    (name) => join(folder, `${name}.png`),
    (name) => README[name].area(session),
  );
}

async function takeForWalkthrough(session) {
  const { workbench } = session;
  const failed = [];
  await workbench.page.setViewportSize({ width: 900, height: 640 });
  for (const [suffix, theme, base] of [
    ['dark', 'Default Dark Modern', 'vs-dark'],
    ['light', 'Default Light Modern', 'vs'],
  ]) {
    await session.settings({ 'editor.minimap.enabled': false, 'workbench.colorTheme': theme });
    await workbench.themed(base);
    const show = Object.fromEntries(Object.entries(WALKTHROUGH).map(([name, picture]) => [name, picture.show]));
    failed.push(
      ...(await take(
        session,
        show,
        (name) => join(root, `media/walkthrough/${name}-${suffix}.png`),
        async (name) => ({ clip: await WALKTHROUGH[name].clip(session) }),
      )),
    );
  }
  return failed;
}

await main(async () => {
  const wanted = process.argv.slice(2);
  const known = ['readme', 'walkthrough', ...Object.keys(README)];
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Failure(`pictures: there is no ${unknown.join(', ')}; there are ${known.join(', ')}.`);
  const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
  const names = Object.keys(README).filter((name) => isWanted('readme') || wanted.includes(name));
  await setup({ pictures: true });
  await packForWindow();
  const session = await Session.start();
  try {
    const { workbench, workspace } = session;
    await train(workspace);
    await writeFaults(workspace);
    await workbench.open(session.url);
    const failed = [...(await takeForReadme(session, names)), ...(isWanted('walkthrough') ? await takeForWalkthrough(session) : [])];
    if (failed.length > 0) throw new Failure(`Pictures that could not be made: ${failed.join('; ')}`);
  } finally {
    await session.stop();
  }
});
