import path from 'node:path';

import type { PlanSource } from '../../../core/inspect/index.js';
import { type MaskHostMessage, type MaskPageMessage, readMaskPageMessage } from '../../../protocol/mask.js';
import { type PlanPageState, readPlanPageState } from '../../../protocol/plan.js';
import type { Asked, Page, PanelKind } from '../page.js';
import { PlanPanel } from '../plan/plan-panel.js';
import type { Aim, PlanPanelContext } from '../plan/plan-panels.js';
import type { PlanUse } from '../plan/plan-sessions.js';
import { fileName, saveAs } from '../save-as.js';

export const MASK: PanelKind<MaskPageMessage, PlanPageState> = {
  name: 'mask',
  title: 'Masks',
  readMessage: readMaskPageMessage,
  readState: readPlanPageState,
};

/** One mask inspector. */
export class MaskPanel extends PlanPanel<MaskHostMessage, MaskPageMessage> {
  protected readonly command = 'wishbone.inspectMasks';
  protected readonly title = MASK.title;
  #aim: Aim;
  /** The bin that is shown; -1 before the first one. */
  #bin = -1;

  constructor(
    page: Page<MaskHostMessage, MaskPageMessage>,
    context: PlanPanelContext,
    source: PlanSource | undefined,
    aim: Aim,
    /** Shows the packing of the same plan. */
    readonly showPacking: (source: PlanSource, aim: Aim) => void,
  ) {
    super(page, context, source);
    this.#aim = aim;
  }

  aim(aim: Aim): void {
    if (aim.bin === undefined && aim.row === undefined) return;
    this.#aim = aim;
    const { use } = this;
    if (this.page.isReady && use !== undefined) void this.#sendAim(use).catch((error: unknown) => void this.context.problems.show(error));
  }

  protected showPlan(use: PlanUse): Promise<void> {
    return this.#sendAim(use);
  }

  protected async answer(message: Asked<MaskPageMessage>): Promise<void> {
    const { use } = this;
    switch (message.type) {
      case 'bin':
        if (use !== undefined) await this.#sendBin(use, message.bin, null);
        return;
      case 'find-row':
        if (use !== undefined) await this.#sendRow(use, message.row);
        return;
      case 'texts': {
        const { type, ...range } = message;
        if (use === undefined || !this.#has(use, message.bin)) return;
        const texts = await use.inspector.ask('texts', range);
        this.send({ type, bin: message.bin, side: message.side, from: message.from, texts });
        return;
      }
      case 'path': {
        const { type, ...token } = message;
        if (use === undefined || !this.#has(use, message.bin)) return;
        this.send({ type, ...token, pieces: await use.inspector.ask('path', token) });
        return;
      }
      case 'packing':
        if (this.source !== undefined) this.showPacking(this.source, this.#bin < 0 ? {} : { bin: this.#bin });
        return;
      case 'save': {
        const folder = path.dirname(use?.info.dataset ?? '');
        const filters = message.format === 'svg' ? { 'SVG picture': ['svg'] } : { 'PNG picture': ['png'] };
        return saveAs(folder, `${fileName(message.name)}.${message.format}`, filters, () => message.data);
      }
      default:
        return this.answerAny(message);
    }
  }

  async #sendAim(use: PlanUse): Promise<void> {
    const { bin, row } = this.#aim;
    if (row !== undefined && bin === undefined) {
      await this.#sendRow(use, row);
      // No bin has the row. The first bin is better than an empty page.
      if (this.#bin < 0) await this.#sendBin(use, 0, null);
      return;
    }
    await this.#sendBin(use, this.#has(use, bin ?? 0) ? (bin ?? 0) : 0, row ?? null);
  }

  async #sendRow(use: PlanUse, row: number): Promise<void> {
    const bin = await use.inspector.ask('binOfRow', row);
    if (bin < 0) this.send({ type: 'no-row', row });
    else await this.#sendBin(use, bin, row);
  }

  async #sendBin(use: PlanUse, bin: number, focus: number | null): Promise<void> {
    if (!this.#has(use, bin)) return;
    this.#bin = bin;
    const view = await use.inspector.ask('bin', bin);
    // Another bin may have been requested in the meantime.
    if (this.#bin !== bin) return;
    // Where the page continues after a reload.
    this.#aim = { bin };
    this.send({ type: 'bin', ...view, focus });
  }

  #has(use: PlanUse, bin: number): boolean {
    return bin < use.info.stepStart.at(-1)!;
  }
}
