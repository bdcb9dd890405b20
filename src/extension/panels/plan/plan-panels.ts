import type * as vscode from 'vscode';

import { type PlanSource, readPlanSource, sourceKey } from '../../../core/inspect/index.js';
import type { PlanPageState } from '../../../protocol/plan.js';
import type { Page, PanelKind } from '../page.js';
import { type PanelContext, Panels } from '../panels.js';
import type { PlanSessions } from './plan-sessions.js';

/** What to scroll into view: a bin of the plan, or the bin with a row of the dataset. Both count from 0. */
export interface Aim {
  readonly bin?: number | undefined;
  readonly row?: number | undefined;
}

/** What every panel that shows a plan needs. */
export interface PlanPanelContext extends PanelContext {
  readonly sessions: PlanSessions;
}

/** What the window knows about a panel that shows a plan. */
interface AnyPlanPanel extends vscode.Disposable {
  readonly page: { readonly panel: vscode.WebviewPanel };
  readonly source: PlanSource | undefined;
  aim(aim: Aim): void;
}

type MakePanel<ToPage extends { readonly type: string }, ToHost extends { readonly type: string }> = (
  page: Page<ToPage, ToHost>,
  source: PlanSource | undefined,
  aim: Aim,
) => AnyPlanPanel;

/** The panels of one kind, one for each plan. */
export class PlanPanels<ToPage extends { readonly type: string }, ToHost extends { readonly type: string }> implements vscode.Disposable {
  readonly #kind: PanelKind<ToHost, PlanPageState>;
  readonly #make: MakePanel<ToPage, ToHost>;
  readonly #panels: Panels<AnyPlanPanel, ToPage, ToHost, PlanPageState>;

  constructor(kind: PanelKind<ToHost, PlanPageState>, context: PanelContext, make: MakePanel<ToPage, ToHost>) {
    this.#kind = kind;
    this.#make = make;
    this.#panels = new Panels(kind, context, (page, kept) => this.#add(page, parseSource(kept?.source), { bin: kept?.bin }));
  }

  dispose(): void {
    this.#panels.dispose();
  }

  show(source: PlanSource, aim: Aim = {}): void {
    const key = sourceKey(source);
    const open = this.#panels.all.find((panel) => panel.source !== undefined && sourceKey(panel.source) === key);
    if (open !== undefined) {
      open.page.panel.reveal();
      open.aim(aim);
      return;
    }
    this.#add(this.#panels.newPage(this.#kind.title), source, aim);
  }

  #add(page: Page<ToPage, ToHost>, source: PlanSource | undefined, aim: Aim): void {
    this.#panels.add(page, this.#make(page, source, aim));
  }
}

function parseSource(text: string | undefined): PlanSource | undefined {
  try {
    return readPlanSource(JSON.parse(text ?? ''));
  } catch {
    return undefined;
  }
}
