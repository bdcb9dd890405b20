export { type Check, discardPart, download, type DownloadOptions, fetchedBytes, type Remote } from './download.js';
export { type Ask, ConnectionError, environmentProxy, get, type Network, readText, type Refusal } from './http.js';
