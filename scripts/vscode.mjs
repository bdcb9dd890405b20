// A real VS Code with the extension and the example workspace, in the browser. Ctrl-C stops it; runs go on.
// `npm run vscode [-- --port 8765] [folder]`
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { pack } from './package.mjs';
import { setup } from './setup.mjs';
import { main, root, run, which } from './shell.mjs';
import { installExtension, installServer, startServer } from './vscode-server.mjs';

/** Whether nobody listens on the port. */
const isFree = (port) =>
  new Promise((answer) => {
    const probe = createServer()
      .once('error', () => answer(false))
      .listen(port, '127.0.0.1', () => probe.close(() => answer(true)));
  });

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { port: { type: 'string', default: '8765' } },
    allowPositionals: true,
  });
  const folder = resolve(positionals[0] ?? join(root, 'examples'));
  await setup({ server: true });
  await build();
  await run(process.execPath, ['scripts/build-native.mjs']);
  const vsix = await pack();
  await installServer();
  const folders = { data: join(root, '.cache/vscode-data'), extensions: join(root, '.cache/vscode-extensions') };
  await installExtension(vsix, folders);
  // The same port every time: the browser keeps what VS Code remembers by address.
  const port = (await isFree(Number(values.port))) ? Number(values.port) : 0;
  const server = await startServer({ ...folders, port });
  const url = server.address(folder);
  console.log(`\nVS Code: ${url}\nPress F1 and choose "Wishbone: Launch Run…". Ctrl-C here stops VS Code; runs go on.`);
  if (which('xdg-open') && (process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) {
    spawn('xdg-open', [url], { stdio: 'ignore', detached: true }).unref();
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void server.stop());
  await server.ended;
});
