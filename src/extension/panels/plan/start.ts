import * as vscode from 'vscode';

import type { MaskHostMessage, MaskPageMessage } from '../../../protocol/mask.js';
import type { PackingHostMessage, PackingPageMessage } from '../../../protocol/packing.js';
import type { CommandId } from '../../commands.js';
import type { Problems } from '../../problems.js';
import { entryCommand } from '../../runs/entry-command.js';
import type { RunStore } from '../../runs/run-store.js';
import { PlanChooser } from './choose-plan.js';
import { MASK, MaskPanel } from '../mask/mask-panel.js';
import { PACKING, PackingPanel } from '../packing/packing-panel.js';
import { type Aim, type PlanPanelContext, PlanPanels } from './plan-panels.js';
import { PlanSessions } from './plan-sessions.js';

/**
 * The views of a plan and their commands. Both commands take a preference file or a run's folder (a path or a URI). The mask
 * inspector also takes a row of the dataset, whose bin it shows, and the packing view a bin of the plan; both count from 0.
 */
export function startPlanViews(context: vscode.ExtensionContext, store: RunStore, problems: Problems): vscode.Disposable {
  const sessions = new PlanSessions();
  const chooser = new PlanChooser(context, store, problems);
  const panelContext: PlanPanelContext = { extensionUri: context.extensionUri, sessions, problems };
  const masks: PlanPanels<MaskHostMessage, MaskPageMessage> = new PlanPanels(
    MASK,
    panelContext,
    (page, source, aim) => new MaskPanel(page, panelContext, source, aim, (shown, bin) => packings.show(shown, bin)),
  );
  const packings: PlanPanels<PackingHostMessage, PackingPageMessage> = new PlanPanels(
    PACKING,
    panelContext,
    (page, source, aim) => new PackingPanel(page, panelContext, source, aim, (shown, at) => masks.show(shown, at)),
  );
  const command = (id: CommandId, title: string, panels: Pick<typeof masks, 'show'>, aim: (number: number) => Aim): vscode.Disposable =>
    entryCommand(problems, id, async (given, number) => {
      const source = await chooser.choose(given, title);
      const aimed = typeof number === 'number' && Number.isSafeInteger(number) && number >= 0;
      if (source !== undefined) panels.show(source, aimed ? aim(number) : {});
    });
  return vscode.Disposable.from(
    masks,
    packings,
    sessions,
    command('wishbone.inspectMasks', 'Inspect Masks', masks, (row) => ({ row })),
    command('wishbone.showPacking', 'Show Packing', packings, (bin) => ({ bin })),
  );
}
