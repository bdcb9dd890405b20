import path from 'node:path';

import type * as vscode from 'vscode';

import type { PlanSource } from '../../../core/inspect/index.js';
import { type MaskHostMessage, readMaskPageMessage } from '../../../protocol/mask.js';
import { fileName, saveAs } from '../save-as.js';
import { PlanPanel } from '../plan/plan-panel.js';
import type { Aim, PlanPanelContext } from '../plan/plan-panels.js';
import type { PlanUse } from '../plan/plan-sessions.js';

/** One mask inspector. */
export class MaskPanel extends PlanPanel {
  protected readonly command = 'wishbone.inspectMasks';
  #aim: Aim;
  /** The bin that is shown; -1 before the first. */
  #bin = -1;

  constructor(
    panel: vscode.WebviewPanel,
    context: PlanPanelContext,
    source: PlanSource | undefined,
    aim: Aim,
    /** Shows the packing of the same plan. */
    readonly showPacking: (source: PlanSource, aim: Aim) => void,
  ) {
    super(panel, context, source);
    this.#aim = aim;
  }

  aim(aim: Aim): void {
    if (aim.bin === undefined && aim.row === undefined) return;
    this.#aim = aim;
    const { use } = this;
    if (this.ready && use !== undefined)
      void this.#sendAim(use).catch((error: unknown) => void this.context.problems.show(error));
  }

  protected showPlan(use: PlanUse): Promise<void> {
    return this.#sendAim(use);
  }

  protected async receive(value: unknown): Promise<void> {
    const message = readMaskPageMessage(value);
    if (message === undefined) return;
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
        this.#send({ type, bin: message.bin, side: message.side, from: message.from, texts });
        return;
      }
      case 'path': {
        const { type, ...token } = message;
        if (use === undefined || !this.#has(use, message.bin)) return;
        this.#send({ type, ...token, pieces: await use.inspector.ask('path', token) });
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
        return this.answer(message);
    }
  }

  async #sendAim(use: PlanUse): Promise<void> {
    const { bin, row } = this.#aim;
    if (row !== undefined && bin === undefined) {
      await this.#sendRow(use, row);
      // No bin has the row: the first one is better than an empty page.
      if (this.#bin < 0) await this.#sendBin(use, 0, null);
      return;
    }
    await this.#sendBin(use, this.#has(use, bin ?? 0) ? (bin ?? 0) : 0, row ?? null);
  }

  async #sendRow(use: PlanUse, row: number): Promise<void> {
    const bin = await use.inspector.ask('binOfRow', row);
    if (bin < 0) this.#send({ type: 'no-row', row });
    else await this.#sendBin(use, bin, row);
  }

  async #sendBin(use: PlanUse, bin: number, focus: number | null): Promise<void> {
    if (!this.#has(use, bin)) return;
    this.#bin = bin;
    const view = await use.inspector.ask('bin', bin);
    // Another one may have been asked for in the meantime.
    if (this.#bin !== bin) return;
    // Where a reload of the page goes on.
    this.#aim = { bin };
    this.#send({ type: 'bin', ...view, focus });
  }

  #has(use: PlanUse, bin: number): boolean {
    return bin < use.info.stepStart.at(-1)!;
  }

  #send(message: MaskHostMessage): void {
    this.send(message);
  }
}
