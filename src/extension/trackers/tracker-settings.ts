import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import {
  type Places,
  placesOf,
  reportToOf,
  type Secret,
  type ServerName,
  serversIn,
  TRACKER_LABELS,
  trackersOf,
  type Variables,
  withSecrets,
} from '../../core/trackers/index.js';
import { network } from '../network.js';
import { setting } from '../settings.js';
import { showInformation } from '../messages.js';

/** Settings in place of the variables of the trackers' own clients. */
const SETTINGS: Readonly<Record<string, string>> = {
  MLFLOW_TRACKING_URI: 'trackers.mlflow.uri',
  MLFLOW_EXPERIMENT_NAME: 'trackers.mlflow.experiment',
  TRACKIO_PROJECT: 'trackers.trackio.project',
  TRACKIO_SERVER_URL: 'trackers.trackio.serverUrl',
  WANDB_PROJECT: 'trackers.wandb.project',
  WANDB_ENTITY: 'trackers.wandb.entity',
};

/** Where trackers are and what is shown to them, by settings, VS Code's secret storage and the environment, in this order. */
export class TrackerSettings {
  constructor(readonly secrets: vscode.SecretStorage) {}

  /** Without what is secret in the storage. */
  get places(): Variables {
    const set = Object.entries(SETTINGS).flatMap(([variable, name]) => {
      const value = setting(name, '').trim();
      return value === '' ? [] : [[variable, value] as const];
    });
    return { ...process.env, ...Object.fromEntries(set) };
  }

  /** All of them, for the process that sends. A secret of the environment is for the server of the environment. */
  async variables(): Promise<Variables> {
    const found = await withSecrets(this.places, process.env, (name, origin) => this.#stored(name, origin));
    const { proxy } = network();
    // The process knows nothing of VS Code's settings.
    return proxy === undefined || proxy === '' ? found : { ...found, https_proxy: proxy, http_proxy: proxy };
  }

  /** What is wrong with the text of a form's field, or undefined when it is good. */
  problem(text: string): string | undefined {
    try {
      this.placesOf(text);
      return undefined;
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      return `${error.what}: ${error.advice}`;
    }
  }

  /** The places that a form's field names. @throws WishboneError for a tracker that is none, or that nothing says the place of */
  placesOf(text: string): Places {
    return placesOf(trackersOf(reportToOf(text)), this.places);
  }

  /** Asks for what a server wants to see, and stores it; an empty answer removes it. */
  async ask(): Promise<void> {
    const servers = serversIn(this.places).map((server) => ({ ...server, label: TRACKER_LABELS[server.name], description: server.origin }));
    if (servers.length === 0) {
      const advice = 'set wishbone.trackers.mlflow.uri or wishbone.trackers.trackio.serverUrl first';
      throw new WishboneError('no tracker has an address yet', 'settings', advice);
    }
    const picked =
      servers.length === 1
        ? servers[0]
        : await vscode.window.showQuickPick(servers, { title: 'Tracker', placeHolder: 'The server that it is for' });
    if (picked === undefined) return;
    const { name, origin, label } = picked;
    const ask = (what: string, prompt: string, password: boolean): Thenable<string | undefined> =>
      vscode.window.showInputBox({ title: `${what} for ${label} at ${origin}`, prompt, password, ignoreFocusOut: true });
    const user = name === 'mlflow' ? await ask('User Name', 'Empty where a token is enough', false) : '';
    if (user === undefined) return;
    const secret = await ask(user === '' ? 'Token' : 'Password', 'Empty removes what is stored', true);
    if (secret === undefined) return;
    if (secret === '') await this.secrets.delete(keyOf(name, origin));
    else await this.secrets.store(keyOf(name, origin), JSON.stringify({ user, secret } satisfies Secret));
    void showInformation(
      secret === '' ? `Nothing is stored for ${origin} any more.` : `Stored for ${origin}, in VS Code's secret storage.`,
    );
  }

  async #stored(name: ServerName, origin: string): Promise<Secret | undefined> {
    const text = await this.secrets.get(keyOf(name, origin));
    return text === undefined ? undefined : (JSON.parse(text) as Secret);
  }
}

/** Of one server: what was stored for another is never shown to it. */
const keyOf = (name: ServerName, origin: string): string => `wishbone.trackers.${name}:${origin}`;
