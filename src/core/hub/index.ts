export { modelName, originOf, type Snapshot } from './cache.js';
export { fetchPlan, type HubPlan, mebibytes } from './fetch.js';
export { datasetId, type HubDatasetId, type HubId, idText, modelId, weightedDatasetId } from './hub-id.js';
export { type CachedModel, cachedModels } from './list.js';
export type { Wanted } from './needed-files.js';
export { type Pushed, pushFolder, type PushRequest } from './push/push.js';
export { pageOf } from './refusals.js';
export { type Resolved, resolveDataset, resolveModel } from './resolve.js';
export { hubCache, type HubSettings, hubSettings } from './settings.js';
