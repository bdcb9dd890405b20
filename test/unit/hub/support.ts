import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import {
  fetchPlan,
  type HubId,
  type HubSettings,
  modelId,
  type Resolved,
  resolveModel,
  type Snapshot,
} from '../../../src/core/hub/index.js';
import type { WorkOptions } from '../../../src/core/work/progress.js';
import { type StandInHub, standInHub, type StandInRepository } from '../../support/stand-in-hub.js';
import { temporaryFolder } from '../run/support.js';

const TINY = path.resolve('examples/tiny-llama');

/** The example model as a repository has it, with files beside it that nobody needs. */
export const MODEL: StandInRepository = {
  kind: 'model',
  name: 'wish/tiny-llama',
  files: {
    '.gitattributes': '*.safetensors filter=lfs\n',
    'README.md': '# tiny\n',
    LICENSE: 'Apache-2.0\n',
    'pytorch_model.bin': 'not needed',
    'onnx/model.onnx': 'not needed',
    ...Object.fromEntries(readdirSync(TINY).map((name) => [name, readFileSync(path.join(TINY, name))])),
  },
  refs: ['v1', 'refs/pr/1'],
};

/** What of it is fetched. */
export const NEEDED = [
  'LICENSE',
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer_config.json',
];

export async function begin(
  context: TestContext,
  repositories: readonly StandInRepository[] = [MODEL],
): Promise<{ readonly hub: StandInHub; readonly settings: HubSettings }> {
  const hub = await standInHub(repositories);
  context.after(() => hub.close());
  const cache = path.join(await temporaryFolder(context), 'hub');
  return { hub, settings: { endpoint: hub.endpoint, cache, token: undefined, offline: false, network: { proxy: '' } } };
}

export const named = (text: string): HubId => modelId(text) as HubId;

/** What is missing is fetched. */
export async function fetched(settings: HubSettings, resolved: Resolved, work: WorkOptions = {}): Promise<Snapshot> {
  return resolved.kind === 'cached' ? resolved.snapshot : fetchPlan(settings, resolved.plan, work);
}

export async function fetchModel(settings: HubSettings, text: string, work: WorkOptions = {}): Promise<Snapshot> {
  return fetched(settings, await resolveModel(settings, named(text), 'model', work.signal), work);
}
