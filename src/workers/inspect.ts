// Holds a plan for the views, off the main thread: planning, reading and laying out take what time they need.
// Started by `PlanInspector`.
import { parentPort } from 'node:worker_threads';
import { WishboneError } from '../core/errors.js';
import { InspectedPlan } from '../core/inspect/inspected-plan.js';
import type { InspectCalls, InspectMethod, InspectReply, InspectRequest } from '../core/inspect/messages.js';
import type { WorkOptions } from '../core/progress.js';

let opened: InspectedPlan | undefined;

function plan(): InspectedPlan {
  if (opened === undefined) throw new Error('no plan is open');
  return opened;
}

const methods: {
  readonly [M in InspectMethod]: (
    argument: InspectCalls[M][0],
    work: WorkOptions,
  ) => InspectCalls[M][1] | Promise<InspectCalls[M][1]>;
} = {
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
};

async function answer<M extends InspectMethod>({ id, method, argument }: InspectRequest<M>): Promise<InspectReply> {
  try {
    const work: WorkOptions = { onProgress: (progress) => send({ id, type: 'progress', progress }) };
    return { id, type: 'answer', answer: await methods[method](argument, work) };
  } catch (error) {
    if (error instanceof WishboneError) {
      const { what, where, advice, exitCode } = error;
      return { id, type: 'bad', what, where, advice, exitCode };
    }
    const fault = error instanceof Error ? error : new Error(String(error));
    return { id, type: 'fault', message: fault.message, stack: fault.stack ?? '' };
  }
}

function send(reply: InspectReply): void {
  parentPort?.postMessage(reply);
}

parentPort?.on('message', (request: InspectRequest) => void answer(request).then(send));
