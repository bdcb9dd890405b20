import * as vscode from 'vscode';

import { type HubSettings, hubSettings } from '../../core/hub/index.js';
import { network } from '../network.js';

/** The hub as this window reaches it: by VS Code's proxy, else the environment's. In a workspace that is not trusted nobody is asked. */
export async function windowHub(): Promise<HubSettings> {
  const settings = await hubSettings(network());
  return vscode.workspace.isTrusted ? settings : { ...settings, offline: true };
}
