import type { Variables } from './places.js';

/** Servers that want to know who sends: the variables that say where they are, and by which one says so. */
const SERVERS = {
  mlflow: {
    address: 'MLFLOW_TRACKING_URI',
    user: 'MLFLOW_TRACKING_USERNAME',
    password: 'MLFLOW_TRACKING_PASSWORD',
    token: 'MLFLOW_TRACKING_TOKEN',
  },
  trackio: { address: 'TRACKIO_SERVER_URL', user: undefined, password: undefined, token: 'TRACKIO_WRITE_TOKEN' },
} as const;
export type ServerName = keyof typeof SERVERS;

/** What is shown to a server: a name with its password, or a token, without a name. */
export interface Secret {
  readonly user: string;
  readonly secret: string;
}

/** The servers that something says the place of, each with its origin: what is stored for one origin is for no other. */
export function serversIn(places: Variables): { readonly name: ServerName; readonly origin: string }[] {
  return (Object.keys(SERVERS) as ServerName[]).flatMap((name) => {
    const origin = originOf(places[SERVERS[name].address]);
    return origin === undefined ? [] : [{ name, origin }];
  });
}

/**
 * Places with what is shown to servers: what is stored for their origin, or else what the environment has, if its server is the same.
 *
 * @param places where trackers are: the environment, with others in place of some of its variables
 */
export async function withSecrets(
  places: Variables,
  environment: Variables,
  stored: (name: ServerName, origin: string) => Promise<Secret | undefined>,
): Promise<Variables> {
  const found: Record<string, string | undefined> = { ...places };
  for (const { name, origin } of serversIn(places)) {
    const { address, user, password, token } = SERVERS[name];
    const own = await stored(name, origin);
    if (own === undefined && origin === originOf(environment[address])) continue;
    // Empty, not absent: they are laid over the environment's.
    for (const variable of [user, password, token]) if (variable !== undefined) found[variable] = '';
    if (own === undefined) continue;
    if (user !== undefined && own.user !== '') Object.assign(found, { [user]: own.user, [password]: own.secret });
    else found[token] = own.secret;
  }
  return found;
}

function originOf(address: string | undefined): string | undefined {
  return address !== undefined && URL.canParse(address) ? new URL(address).origin : undefined;
}
