import type * as vscode from 'vscode';

const MOST = 8;

/** Recently used paths, newest first, kept by VS Code across windows. */
export class RecentPaths {
  constructor(
    readonly memento: vscode.Memento,
    readonly key: string,
  ) {}

  get all(): readonly string[] {
    const stored = this.memento.get<unknown>(this.key);
    return Array.isArray(stored) ? stored.filter((path): path is string => typeof path === 'string') : [];
  }

  async add(path: string): Promise<void> {
    await this.memento.update(this.key, [path, ...this.all.filter((other) => other !== path)].slice(0, MOST));
  }
}

/** Preference files recently used in this workspace. */
export function recentDatasets({ workspaceState }: Pick<vscode.ExtensionContext, 'workspaceState'>): RecentPaths {
  return new RecentPaths(workspaceState, 'recentDatasets');
}

/** Model folders recently used in any workspace. */
export function recentModels({ globalState }: Pick<vscode.ExtensionContext, 'globalState'>): RecentPaths {
  return new RecentPaths(globalState, 'recentModels');
}
