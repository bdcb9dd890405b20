import * as vscode from 'vscode';

import { type PlanSource, readPlanSource, sourceKey, sourceName } from '../../../core/inspect/index.js';
import { readPlanPageState } from '../../../protocol/plan.js';
import { loadPage, pageOptions } from '../page.js';
import type { Problems } from '../../problems.js';
import type { PlanPanel } from './plan-panel.js';
import type { PlanSessions } from './plan-sessions.js';

/** What to bring into view: a bin of the plan, or the bin of a row of the dataset; both from 0. */
export interface Aim {
  readonly bin?: number | undefined;
  readonly row?: number | undefined;
}

export interface PlanView {
  /** VS Code's name of the panels; also says who brings them back after a reload. */
  readonly type: string;
  /** Folder under `webview`. */
  readonly page: string;
  /** Before the plan's name in the tab. */
  readonly title: string;
  readonly make: (panel: vscode.WebviewPanel, source: PlanSource | undefined, aim: Aim) => PlanPanel;
}

/** The panels of one view in this window, one a plan; those open when the window was closed come back with it. */
export class PlanPanels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  readonly #panels = new Map<string, PlanPanel>();
  readonly #registration: vscode.Disposable;

  constructor(
    readonly view: PlanView,
    readonly extensionUri: vscode.Uri,
  ) {
    this.#registration = vscode.window.registerWebviewPanelSerializer(view.type, this);
  }

  dispose(): void {
    this.#registration.dispose();
    for (const panel of this.#panels.values()) panel.dispose();
  }

  show(source: PlanSource, aim: Aim = {}): void {
    const open = this.#panels.get(sourceKey(source));
    if (open !== undefined) {
      open.panel.reveal();
      open.aim(aim);
      return;
    }
    const { type, title } = this.view;
    const panel = vscode.window.createWebviewPanel(
      type,
      `${title}: ${sourceName(source)}`,
      vscode.ViewColumn.Active,
      pageOptions(this.extensionUri),
    );
    this.#attach(panel, source, aim);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    panel.webview.options = pageOptions(this.extensionUri);
    const kept = readPlanPageState(state);
    this.#attach(panel, parseSource(kept?.source), { bin: kept?.bin });
  }

  #attach(panel: vscode.WebviewPanel, source: PlanSource | undefined, aim: Aim): void {
    const attached = this.view.make(panel, source, aim);
    const key = source === undefined ? undefined : sourceKey(source);
    if (key !== undefined) this.#panels.set(key, attached);
    panel.onDidDispose(() => {
      if (key !== undefined && this.#panels.get(key) === attached) this.#panels.delete(key);
      attached.dispose();
    });
    loadPage(panel, this.extensionUri, this.view.page, this.view.title);
  }
}

function parseSource(text: string | undefined): PlanSource | undefined {
  try {
    return readPlanSource(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}

/** What every panel of a plan is made with. */
export interface PlanPanelContext {
  readonly sessions: PlanSessions;
  readonly problems: Problems;
}
