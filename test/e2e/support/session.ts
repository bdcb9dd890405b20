import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { browserArguments, findBrowser } from '../../../scripts/browser.mjs';
import { type RunningServer, startServer } from '../../../scripts/vscode-server.mjs';
import { putInstalled } from './installed.js';
import { runsIn } from './runs.js';
import { Workbench } from './workbench.js';

const repository = resolve(import.meta.dirname, '../../..');

/** A fresh VS Code with the packaged extension installed, a workspace of its own, and a browser window on it. */
export class Session {
  readonly #folder: string;
  readonly #server: RunningServer;
  readonly #browser: Browser;
  readonly #context: BrowserContext;

  private constructor(
    readonly workspace: string,
    readonly workbench: Workbench,
    readonly url: string,
    folder: string,
    server: RunningServer,
    browser: Browser,
    context: BrowserContext,
  ) {
    this.#folder = folder;
    this.#server = server;
    this.#browser = browser;
    this.#context = context;
  }

  /**
   * @param trust false: VS Code asks whether the workspace may be trusted
   * @param empty the workspace holds nothing but its settings
   * @param env variables of the server, and so of the extension
   */
  static async start({
    trust = true,
    empty = false,
    env = {},
  }: {
    readonly trust?: boolean;
    readonly empty?: boolean;
    readonly env?: Readonly<Record<string, string>>;
  } = {}): Promise<Session> {
    const folder = await mkdtemp(join(tmpdir(), 'wishbone-e2e-'));
    const workspace = join(folder, 'workspace');
    const folders = { data: join(folder, 'server'), extensions: join(folder, 'extensions') };
    await makeWorkspace(workspace, empty);
    await putInstalled(await packagedExtension(), folders.extensions);
    const server = await startServer({ ...folders, trust, env });
    const executablePath = findBrowser();
    if (executablePath === undefined) throw new Error('no Chromium: run npm test, which installs one');
    const browser = await chromium.launch({ executablePath, args: browserArguments });
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    const workbench = new Workbench(await context.newPage());
    return new Session(workspace, workbench, server.address(workspace), folder, server, browser, context);
  }

  /** Another window of the same browser. */
  async window(): Promise<Workbench> {
    return new Workbench(await this.#context.newPage());
  }

  /** Has every window use this runner, by the setting for it; empty: the one that came with the extension. */
  async useRunner(file: string): Promise<void> {
    await this.machineSettings({ 'wishbone.runner.path': file });
  }

  /** Has every window of this machine have these settings too. */
  async machineSettings(values: Readonly<Record<string, unknown>>): Promise<void> {
    const settings = join(this.#folder, 'server/data/Machine/settings.json');
    const known = JSON.parse(await readFile(settings, 'utf8')) as Record<string, unknown>;
    await writeFile(settings, JSON.stringify({ ...known, ...values }));
  }

  /** Has the user have these settings and no others, as soon as a window has read them. */
  async userSettings(values: Readonly<Record<string, unknown>>): Promise<void> {
    const folder = join(this.#folder, 'server/data/User');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'settings.json'), JSON.stringify(values));
  }

  get browserVersion(): string {
    return this.#browser.version();
  }

  /** Changes the colour theme as a person would: in the workspace's settings. */
  async theme(name: string): Promise<void> {
    await writeSettings(this.workspace, name);
  }

  /** Has the workspace's settings hold these and no others but the theme, which is dark. */
  async settings(values: Readonly<Record<string, unknown>>): Promise<void> {
    await writeSettings(this.workspace, 'Default Dark Modern', values);
  }

  /** Ends the window, the server and whatever runs a failed test has left, and removes the folders. */
  async stop(): Promise<void> {
    await this.#browser.close();
    await this.#server.stop();
    for (const run of await runsIn(this.workspace)) await run.kill();
    // The server may still be writing its last words.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function makeWorkspace(workspace: string, empty: boolean): Promise<void> {
  await mkdir(join(workspace, '.vscode'), { recursive: true });
  if (empty) return writeSettings(workspace, 'Default Dark Modern');
  const examples = join(repository, 'examples');
  await cp(join(examples, 'tiny-llama'), join(workspace, 'tiny-llama'), { recursive: true });
  const pairs = await readFile(join(examples, 'preferences.jsonl'), 'utf8');
  await writeFile(join(workspace, 'preferences.jsonl'), pairs);
  const [first] = pairs.split('\n');
  await writeFile(join(workspace, 'bad.jsonl'), `${first}\n{"prompt": "Name a prime.", "chosen": "Seven.", "rejected": 9}\n`);
  await writeSettings(workspace, 'Default Dark Modern');
}

function writeSettings(workspace: string, colorTheme: string, values: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const text = JSON.stringify({ 'workbench.colorTheme': colorTheme, ...values });
  return writeFile(join(workspace, '.vscode/settings.json'), text);
}

async function packagedExtension(): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as Record<string, string>;
  const vsix = `${name}-linux-${process.arch}-${version}.vsix`;
  if (!(await readdir(repository)).includes(vsix)) throw new Error(`${vsix} is missing: npm run package`);
  return join(repository, vsix);
}
