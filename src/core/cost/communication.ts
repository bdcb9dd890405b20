/** How devices of a run are connected: what a collective is limited by. */
export interface Interconnect {
  readonly name: string;
  /** Bytes/s that one device sends while a collective runs, as collectives reach them. */
  readonly bandwidth: number;
  /** Seconds of one message between two devices. */
  readonly latency: number;
}

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
 * Predicted time of summing `bytes` over all devices, the faster of two ways: round a ring each device sends and receives
 * 2 (n-1)/n of them in 2 (n-1) messages; along a double binary tree about 2 of them in 2 log2 n. Over several machines
 * each first adds up its own part within the machine, then with its counterparts on the others, then collects the rest again.
 * (Thakur et al., Int. J. High Perform. Comput. Appl. 19, 2005; Sanders et al., Parallel Comput. 35, 2009.)
 */
export function allReduceSeconds(bytes: number, { hosts, perHost }: Cluster, within = NVLINK, between = NETWORK): number {
  const inside = perHost > 1 ? oneAllReduce(bytes, perHost, within) : 0;
  return inside + (hosts > 1 ? oneAllReduce(bytes / perHost, hosts, between) : 0);
}

/** The same for leaving each device its part of the sum, or for collecting everybody's part: half of it each. */
export function halfReduceSeconds(bytes: number, cluster: Cluster): number {
  return allReduceSeconds(bytes, cluster) / 2;
}

function oneAllReduce(bytes: number, devices: number, { bandwidth, latency }: Interconnect): number {
  const ring = (2 * (devices - 1) * bytes) / devices / bandwidth + 2 * (devices - 1) * latency;
  const tree = (2 * bytes) / bandwidth + 2 * Math.ceil(Math.log2(devices)) * latency;
  return Math.min(ring, tree);
}
