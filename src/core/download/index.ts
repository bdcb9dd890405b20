export { type Check, discardPart, download, type DownloadOptions, fetchedBytes, type Remote } from './download.js';
export { type Ask, ConnectionError, environmentProxy, get, type Network, readText, type Refusal, retryAfter, safeUrl } from './http.js';
export { type Body, type Reply, send } from './send.js';
