import type { Refusal } from '../../download/index.js';
import { WishboneError } from '../../errors.js';
import type { HubSettings } from '../settings.js';

/** What the hub's no to an upload means, and what helps. */
export function pushRefusal(
  settings: Pick<HubSettings, 'endpoint' | 'token'>,
  name: string,
  { status, statusText, headers }: Refusal,
  text: string,
): WishboneError {
  const page = `${settings.endpoint}/${name}`;
  const tokens = `${settings.endpoint}/settings/tokens`;
  const message = messageOf(text) ?? String(headers['x-error-message'] ?? '');
  const said = message === '' ? '' : `: ${message}`;
  if (status === 401)
    return new WishboneError(
      'the hub does not accept the token',
      page,
      `HF_TOKEN or the stored token is wrong or has expired: make one with the right to write at ${tokens} and set HF_TOKEN, or run \`hf auth login\``,
    );
  if (status === 403)
    return new WishboneError(
      `the token may not write to ${name} (403${said})`,
      page,
      `give it the right to write at ${tokens}, or name a repository of your own; who may write to an organisation’s says the organisation`,
    );
  if (status === 404)
    return new WishboneError(
      `the hub has no ${name}, or the token’s owner may not see it`,
      page,
      'check the name of the user or organisation',
    );
  if (status === 400 || status === 422)
    return new WishboneError(`the hub does not take this${said || ` (${status})`}`, page, 'choose another name, or follow what it says');
  if (status === 412) return new WishboneError('somebody else has changed the repository meanwhile', page, 'look at it, then upload again');
  if (status === 413 || status === 507)
    return new WishboneError(`there is no room for this on the hub${said}`, page, `see ${settings.endpoint}/settings/billing`);
  return new WishboneError(`the hub answered ${status} ${statusText}${said}`.trim(), page, 'try again later');
}

/** Without a token nothing can be uploaded. */
export function noToken({ endpoint }: Pick<HubSettings, 'endpoint'>): WishboneError {
  return new WishboneError(
    'uploading needs a token of the hub, and there is none',
    endpoint,
    `make one with the right to write at ${endpoint}/settings/tokens and set HF_TOKEN, or run \`hf auth login\``,
  );
}

function messageOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
