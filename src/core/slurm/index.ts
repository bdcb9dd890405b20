export { JOB_FILE, type JobRecord, readJobRecord, removeJob } from './job-record.js';
export { jobStatus, type JobStatus } from './job-state.js';
export { jobText } from './job-text.js';
export { batchScript, type ChangedScript, changedScript, SCRIPT_FILE, type ScriptRequest } from './script.js';
export { stopJob, submitRun } from './submit.js';
export { findTarget, parseTargets, type SlurmTarget, TARGETS_SETTING, targetsOfFolder } from './target.js';
