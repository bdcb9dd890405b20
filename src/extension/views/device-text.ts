import type { BackendInfo } from '../../core/runner/index.js';
import { formatBytes, plural } from '../../format.js';

export interface DeviceRow {
  readonly label: string;
  readonly description: string;
  readonly icon: string;
  readonly available: boolean;
}

/** What the Devices view lists: every GPU, then the CPU; in place of GPUs that cannot be used, why not. */
export function deviceRows(backends: readonly BackendInfo[]): DeviceRow[] {
  return [...backends]
    .sort((a, b) => Number(a.name === 'cpu') - Number(b.name === 'cpu'))
    .flatMap(({ name, available, devices, problem }): DeviceRow[] => {
      const kind = name === 'cpu' ? 'CPU' : 'GPU';
      if (!available) {
        const why = problem ?? 'the runner does not say why';
        return [{ label: `No ${kind}`, description: why, icon: 'circle-slash', available: false }];
      }
      return devices.map((device, index) => ({
        label: device.name,
        description: [
          kind === 'CPU' || devices.length === 1 ? kind : `GPU ${index}`,
          ...(device.memory === undefined ? [] : [formatBytes(device.memory)]),
          ...(device.threads === undefined ? [] : [plural(device.threads, 'thread')]),
          ...(device.capability === undefined ? [] : [`compute capability ${device.capability}`]),
        ].join(' · '),
        icon: kind === 'CPU' ? 'server' : 'circuit-board',
        available: true,
      }));
    });
}
