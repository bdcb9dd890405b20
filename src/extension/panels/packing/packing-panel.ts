import type * as vscode from 'vscode';

import type { PlanSource } from '../../../core/inspect/index.js';
import { type PackingHostMessage, readPackingPageMessage } from '../../../protocol/packing.js';
import { PlanPanel } from '../plan/plan-panel.js';
import type { Aim, PlanPanelContext } from '../plan/plan-panels.js';
import type { PlanUse } from '../plan/plan-sessions.js';

/** One packing view. */
export class PackingPanel extends PlanPanel {
  protected readonly command = 'wishbone.showPacking';
  #aim: Aim;

  constructor(
    panel: vscode.WebviewPanel,
    context: PlanPanelContext,
    source: PlanSource | undefined,
    aim: Aim,
    /** Shows a mask of the same plan. */
    readonly showMask: (source: PlanSource, aim: Aim) => void,
  ) {
    super(panel, context, source);
    this.#aim = aim;
  }

  aim(aim: Aim): void {
    this.#aim = aim;
    if (aim.bin !== undefined) this.#send({ type: 'focus', bin: aim.bin });
  }

  protected async showPlan(use: PlanUse): Promise<void> {
    const overview = await use.inspector.ask('packing', null);
    const bins = overview.shared.stepStart.at(-1)!;
    const { bin } = this.#aim;
    this.#send({ type: 'overview', ...overview, focus: bin !== undefined && bin < bins ? bin : null });
  }

  protected async receive(value: unknown): Promise<void> {
    const message = readPackingPageMessage(value);
    if (message === undefined) return;
    switch (message.type) {
      case 'bins': {
        if (this.use === undefined) return;
        const { side, from, to } = message;
        const { stepStart: _, ...slice } = await this.use.inspector.ask('packed', { side, from, to });
        this.#send({ type: 'bins', side, from, ...slice });
        return;
      }
      case 'mask':
        if (this.source !== undefined)
          this.showMask(this.source, { bin: message.bin ?? undefined, row: message.row ?? undefined });
        return;
      default:
        return this.answer(message);
    }
  }

  #send(message: PackingHostMessage): void {
    this.send(message);
  }
}
