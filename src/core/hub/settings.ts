import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { homeFolder } from '../files/home-folder.js';
import type { Network } from '../download/index.js';

/** Where the hub is, who asks, and where its files are kept. */
export interface HubSettings {
  /** Without a slash at the end. */
  readonly endpoint: string;
  /** The folder of `models--org--name` and the like. */
  readonly cache: string;
  readonly token: string | undefined;
  /** Nothing may be asked for. */
  readonly offline: boolean;
  readonly network: Network;
}

const ENDPOINT = 'https://huggingface.co';

/** What the environment says, by the variables that `huggingface_hub` reads, and the token that `hf auth login` has stored. */
export async function hubSettings(network: Network = {}, env: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  const home = hubHome(env);
  const tokenFile = given(env, 'HF_TOKEN_PATH') ?? path.join(home, 'token');
  const own = clean(env['HF_TOKEN'] ?? env['HUGGING_FACE_HUB_TOKEN']);
  const stored = isTrue(env['HF_HUB_DISABLE_IMPLICIT_TOKEN']) ? undefined : await readFile(tokenFile, 'utf8').catch(() => undefined);
  return {
    endpoint: (env['HF_ENDPOINT'] || ENDPOINT).replace(/\/+$/, ''),
    cache: hubCache(env),
    token: own ?? clean(stored),
    offline: isTrue(env['HF_HUB_OFFLINE'] || env['TRANSFORMERS_OFFLINE']),
    network,
  };
}

/** The folder of the cache. */
export function hubCache(env: NodeJS.ProcessEnv = process.env): string {
  return given(env, 'HF_HUB_CACHE') ?? given(env, 'HUGGINGFACE_HUB_CACHE') ?? path.join(hubHome(env), 'hub');
}

/** The folder of everything that the hub's libraries keep. */
export function hubHome(env: NodeJS.ProcessEnv = process.env): string {
  return given(env, 'HF_HOME') ?? path.join(given(env, 'XDG_CACHE_HOME') ?? path.join(homeFolder(), '.cache'), 'huggingface');
}

/** A path of the environment, with `~` and variables, as Python expands them. */
function given(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const expanded = text
    .replace(/^~(?=\/|$)/, homeFolder())
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? whole);
  return path.resolve(expanded);
}

function clean(token: string | undefined): string | undefined {
  const text = (token ?? '').replace(/[\r\n]/g, '').trim();
  return text === '' ? undefined : text;
}

const isTrue = (text: string | undefined): boolean => ['1', 'ON', 'YES', 'TRUE'].includes((text ?? '').toUpperCase());
