import type { ConnectionError, Refusal } from '../download/index.js';
import { WishboneError } from '../errors.js';
import { type HubId, idText } from './hub-id.js';
import type { HubSettings } from './settings.js';

/** The page of a repository. */
export function pageOf({ endpoint }: Pick<HubSettings, 'endpoint'>, { kind, name }: HubId): string {
  return `${endpoint}/${kind === 'dataset' ? 'datasets/' : ''}${name}`;
}

/** What the hub's no means, and the page where something can be done about it. */
export function refusalOf(settings: HubSettings, id: HubId, { status, headers, statusText, url }: Refusal): WishboneError {
  const { kind, name, revision } = id;
  const page = pageOf(settings, id);
  const tokens = `${settings.endpoint}/settings/tokens`;
  const logIn = `make a token at ${tokens} and set HF_TOKEN, or run \`hf auth login\``;
  const [code = '', message = ''] = ['x-error-code', 'x-error-message'].map((header) => String(headers[header] ?? ''));
  const known = settings.token !== undefined;
  const error = (what: string, advice: string): WishboneError => new WishboneError(what, page, advice);
  if (code === 'GatedRepo') {
    const then = known ? 'then try again with the same token' : `then ${logIn}`;
    return error(`the ${kind} ${name} is gated: its owner decides who may download it`, `ask for access at ${page}, ${then}`);
  }
  if (/access to this resource is disabled/i.test(message)) {
    return error(`the hub has disabled the ${kind} ${name}`, `see ${page} for the reason, and choose another`);
  }
  if (code === 'RevisionNotFound') {
    return error(`the ${kind} ${name} has no revision ${revision}`, `choose a branch, tag or commit of ${page}/tree/main`);
  }
  if (code === 'EntryNotFound') {
    return error(`the ${kind} ${name} has no file ${decodeURIComponent(url.pathname.split('/').pop() ?? '')}`, `see ${page}/tree/main`);
  }
  if (status === 401 && (/invalid credentials/i.test(message) || (known && code !== 'RepoNotFound'))) {
    return error('the hub does not accept the token', `HF_TOKEN or the stored token is wrong or has expired: ${logIn}`);
  }
  if (code === 'RepoNotFound' || status === 401 || status === 404) {
    const search = `${settings.endpoint}/${kind}s?search=${encodeURIComponent(name.split('/')[1] ?? name)}`;
    const hidden = known ? 'or it is private and the token’s owner may not see it' : `or it is private (then ${logIn})`;
    return error(
      `there is no ${kind === 'model' ? 'folder' : 'file'} ${idText(id)} here, and the hub has no ${kind} ${name}, ${hidden}`,
      `check the spelling: ${search}`,
    );
  }
  if (status === 403) {
    return error(
      `the hub refuses the ${kind} ${name} to this token (403${message === '' ? '' : `: ${message}`})`,
      `give the token the right to read it at ${tokens}, or ask for access at ${page}`,
    );
  }
  return error(`the hub answered ${status} ${statusText}`.trim(), `see ${page}`);
}

/** What it means when the hub cannot be asked. */
export function unreachable(settings: HubSettings, id: HubId, { message, status, retryAfter }: ConnectionError): WishboneError {
  const page = pageOf(settings, id);
  if (status === 429) {
    const wait = retryAfter === undefined ? 'a few minutes' : `${Math.ceil(retryAfter)} seconds`;
    const more = settings.token === undefined ? `; with a token there are more: ${settings.endpoint}/settings/tokens` : '';
    return new WishboneError('the hub has had too many requests from here (429)', page, `try again in ${wait}${more}`);
  }
  if (status !== undefined) {
    const advice = 'try again later; see https://status.huggingface.co, or set HF_ENDPOINT to a mirror';
    return new WishboneError(`the hub is out of order: ${message}`, page, advice);
  }
  const advice = 'check the network (behind a proxy: http.proxy, HTTPS_PROXY; a mirror: HF_ENDPOINT)';
  return new WishboneError(`the hub does not answer: ${message}`, page, advice);
}

/** What cannot be done without asking, where nothing may be asked. */
export function offlineError(id: HubId, cache: string): WishboneError {
  const what = `the ${id.kind} ${idText(id)} is not wholly in the cache, and HF_HUB_OFFLINE forbids to download it`;
  return new WishboneError(what, cache, 'unset HF_HUB_OFFLINE, or give a folder');
}
