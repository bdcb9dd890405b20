export { type AskedTrackers, askFor, type Places, readAsked, reportedTo, trackersIn } from './asked.js';
export { type DeliverOptions, PATIENCE } from './deliver.js';
export { endSender, senderOf } from './lock.js';
export { placesOf, type Variables } from './places.js';
export type { Trouble } from './record.js';
export {
  REPORT_TO,
  REPORT_TO_RULE,
  type ReportTo,
  reportToOf,
  TRACKER_LABELS,
  type TrackerName,
  TRACKERS,
  trackersOf,
} from './report-to.js';
export { type Secret, type ServerName, serversIn, withSecrets } from './secrets.js';
export { startTracking } from './start.js';
export { type Tracked, trackedRun, trackRun } from './track-run.js';
