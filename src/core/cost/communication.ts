/** How devices of a run are connected: what a collective is limited by. */
export interface Interconnect {
  readonly name: string;
  /** Bytes/s that one device sends while a collective runs, as collectives reach them. */
  readonly bandwidth: number;
  /** Seconds of one message between two devices. */
  readonly latency: number;
}

// All that predictions of several devices rest on but the formula below: replace a figure here where one was measured.

/** What a communicator of NCCL keeps of a GPU's memory, bytes, as measured on two H200; `backend/registry.cpp` of the runner has the same. */
export const NCCL_BYTES = 820 * 2 ** 20;

/**
 * What of a collective's time computing beside it loses. From two H200 and NCCL, whose kernels take multiprocessors and memory bandwidth
 * meanwhile: a step of the 1B is 14 to 21 ms longer than on one, of which 4 to 6 are exposed, and sends for 14 ms. With sums by copies it is 10
 * to 14 ms, 3 of them exposed, and the rest mostly that one card is slower than the other.
 */
export const LOST_BESIDE = 0.85;

/** NVLink 4 of Hopper cards, without multicast: 450 GB/s each way, of which collectives of many megabytes reach about 0.8. */
export const NVLINK: Interconnect = { name: 'NVLink at 360 GB/s', bandwidth: 360e9, latency: 3e-6 };

/** A network card of 400 Gb/s for each device: 50 GB/s, of which collectives reach about 0.9. */
export const NETWORK: Interconnect = { name: 'a network of 400 Gb/s a card', bandwidth: 45e9, latency: 15e-6 };

/** Devices of a run: so many on each of so many machines. */
export interface Cluster {
  readonly hosts: number;
  readonly perHost: number;
}

/**
 * Predicted time of summing `bytes` over n devices, the faster of two ways, with bandwidth B and latency L of the interconnect:
 *
 * - round a ring each device sends and receives 2 (n-1)/n of them in 2 (n-1) messages: 2 (n-1)/n bytes/B + 2 (n-1) L
 * - along a double binary tree about 2 of them in 2 log2 n messages: 2 bytes/B + 2 log2(n) L
 *
 * Over several machines each first leaves every device its part of the sum within the machine, then these are summed with their
 * counterparts on the others, then collected again: the first and the last together are one sum within the machine.
 * (Thakur et al., Int. J. High Perform. Comput. Appl. 19, 2005; Sanders et al., Parallel Comput. 35, 2009.)
 */
export function allReduceSeconds(bytes: number, { hosts, perHost }: Cluster, within = NVLINK, between = NETWORK): number {
  const inside = perHost > 1 ? oneAllReduce(bytes, perHost, within).seconds : 0;
  return inside + counterpartsSeconds(bytes, { hosts, perHost }, between);
}

/** Of that, what goes between machines: each device sums its part with its counterparts. */
export function counterpartsSeconds(bytes: number, { hosts, perHost }: Cluster, between = NETWORK): number {
  return hosts > 1 ? oneAllReduce(bytes / perHost, hosts, between).seconds : 0;
}

/** Which way {@link allReduceSeconds} takes within machines, and between them; undefined where there is nothing to sum over. */
export function allReduceWays(
  bytes: number,
  { hosts, perHost }: Cluster,
  within = NVLINK,
  between = NETWORK,
): { readonly within: Way | undefined; readonly between: Way | undefined } {
  return {
    within: perHost > 1 ? oneAllReduce(bytes, perHost, within).way : undefined,
    between: hosts > 1 ? oneAllReduce(bytes / perHost, hosts, between).way : undefined,
  };
}

/** The same for leaving each of a machine's devices its part of the sum, or for collecting everybody's part: half of it each. */
export function halfReduceSeconds(bytes: number, perHost: number): number {
  return allReduceSeconds(bytes, { hosts: 1, perHost }) / 2;
}

export type Way = 'ring' | 'tree';

function oneAllReduce(
  bytes: number,
  devices: number,
  { bandwidth, latency }: Interconnect,
): { readonly way: Way; readonly seconds: number } {
  const ring = (2 * (devices - 1) * bytes) / devices / bandwidth + 2 * (devices - 1) * latency;
  const tree = (2 * bytes) / bandwidth + 2 * Math.ceil(Math.log2(devices)) * latency;
  return tree < ring ? { way: 'tree', seconds: tree } : { way: 'ring', seconds: ring };
}
