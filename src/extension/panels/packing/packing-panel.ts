import type { PlanSource } from '../../../core/inspect/index.js';
import { type PackingHostMessage, type PackingPageMessage, readPackingPageMessage } from '../../../protocol/packing.js';
import { type PlanPageState, readPlanPageState } from '../../../protocol/plan.js';
import type { Asked, Page, PanelKind } from '../page.js';
import { PlanPanel } from '../plan/plan-panel.js';
import type { Aim, PlanPanelContext } from '../plan/plan-panels.js';
import type { PlanUse } from '../plan/plan-sessions.js';

export const PACKING: PanelKind<PackingPageMessage, PlanPageState> = {
  name: 'packing',
  title: 'Packing',
  readMessage: readPackingPageMessage,
  readState: readPlanPageState,
};

/** One packing view. */
export class PackingPanel extends PlanPanel<PackingHostMessage, PackingPageMessage> {
  protected readonly command = 'wishbone.showPacking';
  protected readonly title = PACKING.title;
  #aim: Aim;

  constructor(
    page: Page<PackingHostMessage, PackingPageMessage>,
    context: PlanPanelContext,
    source: PlanSource | undefined,
    aim: Aim,
    /** Shows a mask of the same plan. */
    readonly showMask: (source: PlanSource, aim: Aim) => void,
  ) {
    super(page, context, source);
    this.#aim = aim;
  }

  aim(aim: Aim): void {
    this.#aim = aim;
    if (aim.bin !== undefined) this.send({ type: 'focus', bin: aim.bin });
  }

  protected async showPlan(use: PlanUse): Promise<void> {
    const overview = await use.inspector.ask('packing', null);
    const bins = overview.shared.stepStart.at(-1)!;
    const { bin } = this.#aim;
    this.send({ type: 'overview', ...overview, focus: bin !== undefined && bin < bins ? bin : null });
  }

  protected async answer(message: Asked<PackingPageMessage>): Promise<void> {
    switch (message.type) {
      case 'bins': {
        if (this.use === undefined) return;
        const { side, from, to } = message;
        const { stepStart: _, ...slice } = await this.use.inspector.ask('packed', { side, from, to });
        this.send({ type: 'bins', side, from, ...slice });
        return;
      }
      case 'mask':
        if (this.source !== undefined) this.showMask(this.source, { bin: message.bin ?? undefined, row: message.row ?? undefined });
        return;
      default:
        return this.answerAny(message);
    }
  }
}
