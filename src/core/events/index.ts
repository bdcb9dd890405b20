export {
  type DeviceReading,
  type EvalEvent,
  isTerminal,
  parseEvent,
  type RunEvent,
  type RunPhase,
  type SampleEvent,
  type StartEvent,
  type StepEvent,
  type WarningEvent,
} from './events.js';
export { EVENTS_FILE, followEvents, type LogState, readEvents } from './event-reader.js';
export { readEventEnds } from './event-ends.js';
