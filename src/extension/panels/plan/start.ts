import * as vscode from 'vscode';

import type { Problems } from '../../problems.js';
import type { RunStore } from '../../runs/run-store.js';
import { PlanChooser } from './choose-plan.js';
import { MaskPanel } from '../mask/mask-panel.js';
import { PackingPanel } from '../packing/packing-panel.js';
import { type Aim, type PlanPanelContext, PlanPanels, type PlanView } from './plan-panels.js';
import { PlanSessions } from './plan-sessions.js';

/**
 * The views of a plan and their commands. Both take a preference file or a run's folder (a path or an address); the mask
 * inspector also a row of the dataset, from 0, whose bin it shows, and the packing view a bin of the plan.
 */
export function startPlanViews(
  context: vscode.ExtensionContext,
  store: RunStore,
  problems: Problems,
): vscode.Disposable {
  const sessions = new PlanSessions();
  const chooser = new PlanChooser(context, store, problems);
  const panelContext: PlanPanelContext = { sessions, problems };
  const maskView: PlanView = {
    type: 'wishbone.mask',
    page: 'mask',
    title: 'Masks',
    make: (panel, source, aim) =>
      new MaskPanel(panel, panelContext, source, aim, (shown, bin) => packings.show(shown, bin)),
  };
  const packingView: PlanView = {
    type: 'wishbone.packing',
    page: 'packing',
    title: 'Packing',
    make: (panel, source, aim) =>
      new PackingPanel(panel, panelContext, source, aim, (shown, at) => masks.show(shown, at)),
  };
  const masks = new PlanPanels(maskView, context.extensionUri);
  const packings = new PlanPanels(packingView, context.extensionUri);
  const command = (id: string, title: string, panels: PlanPanels, aim: (number: number) => Aim): vscode.Disposable =>
    problems.command(id, async (given, number) => {
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
