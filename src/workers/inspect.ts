// Holds a plan for the views. Planning, reading and layout can take long. Started by `PlanInspector`.
import { InspectedPlan } from '../core/inspect/inspected-plan.js';
import type { InspectCalls } from '../core/inspect/messages.js';
import { serve, threadChannel } from '../core/transport/index.js';

let opened: InspectedPlan | undefined;

function plan(): InspectedPlan {
  if (opened === undefined) throw new Error('no plan is open');
  return opened;
}

serve<InspectCalls>(threadChannel(), {
  open: async (source, work) => {
    opened = await InspectedPlan.open(source, work);
    return opened.info;
  },
  bin: (bin) => plan().bin(bin),
  texts: ({ bin, side, from, to }) => plan().texts(bin, side, from, to),
  path: ({ bin, side, row }) => plan().path(bin, side, row),
  packing: () => plan().packing(),
  packed: ({ side, from, to }) => plan().packed(side, from, to),
  binOfRow: (row) => plan().binOfRow(row),
  lineOfRow: (row) => plan().lineOfRow(row),
  datasetState: () => plan().datasetState(),
});
