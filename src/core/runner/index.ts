export { type BestModel, bestModel, exportBest } from './best-model.js';
export { crashAdvice, type Ended } from './crash-advice.js';
export {
  decideDevices,
  decideTargetDevices,
  type DeviceMeans,
  devicesInUse,
  type DevicesInUse,
  gpus,
  gpusOf,
  whyApart,
} from './devices.js';
export { askBackends, autoBackend, type BackendInfo, type DeviceInfo, parseBackends, runnerBackends } from './runner-info.js';
export { locateRunner, useRunner } from './locate-runner.js';
export { type ExpectedRun, RunnerAhead } from './runner-ahead.js';
export {
  exitText,
  lastLogLines,
  parseRunnerError,
  startRunner,
  type StartOptions,
  stopRunner,
} from './runner.js';
export { pushSource, type PushSource, repositoryName, trainedModel, type Which } from './trained-model.js';
