import path from 'node:path';
import { WishboneError } from '../errors.js';
import { hubHome } from '../hub/settings.js';
import type { MlflowPlace, Places, TrackioPlace, WandbPlace } from './asked.js';
import type { TrackerName } from './report-to.js';

/** Variables that say where trackers are, and what one proves oneself with; each tracker's own client knows them by these names. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What transformers' `TrainingArguments.project` is by default. */
const PROJECT = 'huggingface';

/**
 * Where a run is to be sent.
 *
 * @throws WishboneError for a tracker that nothing says the place of, or of a kind that cannot be written to
 */
export function placesOf(names: readonly TrackerName[], variables: Variables = process.env): Places {
  const has = (name: TrackerName): boolean => names.includes(name);
  return {
    ...(has('mlflow') ? { mlflow: mlflowPlace(variables) } : {}),
    ...(has('trackio') ? { trackio: trackioPlace(variables) } : {}),
    ...(has('wandb') ? { wandb: wandbPlace(variables) } : {}),
  };
}

function mlflowPlace(variables: Variables): MlflowPlace {
  const uri = said(variables, 'MLFLOW_TRACKING_URI');
  const experiment = said(variables, 'MLFLOW_EXPERIMENT_NAME') ?? 'Default';
  if (uri === undefined) {
    const advice = 'set MLFLOW_TRACKING_URI (in VS Code wishbone.trackers.mlflow.uri) to its address, for example http://localhost:5000';
    throw new WishboneError('report_to names mlflow, but nothing says where the server is', 'MLFLOW_TRACKING_URI', advice);
  }
  const advice = 'start a server for it, `mlflow server --backend-store-uri …`, and name that: https://host or http://host:port';
  return { uri: serverAddress(uri, 'MLFLOW_TRACKING_URI', 'an MLflow store that is no server cannot be written to', advice), experiment };
}

function trackioPlace(variables: Variables): TrackioPlace {
  const project = said(variables, 'TRACKIO_PROJECT') ?? PROJECT;
  if (said(variables, 'TRACKIO_SPACE_ID') !== undefined) {
    const advice = `leave it out: the run goes to Trackio on this machine, and \`trackio sync --project ${project}\` puts that on a Space`;
    throw new WishboneError('a run cannot be sent to a Space directly', 'TRACKIO_SPACE_ID', advice);
  }
  const server = said(variables, 'TRACKIO_SERVER_URL');
  if (server !== undefined) {
    const advice = 'give its address without the token, and that as TRACKIO_WRITE_TOKEN';
    return { project, server: serverAddress(server, 'TRACKIO_SERVER_URL', 'this is no address of a server', advice) };
  }
  return { project, folder: path.resolve(said(variables, 'TRACKIO_DIR') ?? path.join(hubHome(variables), 'trackio')) };
}

function wandbPlace(variables: Variables): WandbPlace {
  const entity = said(variables, 'WANDB_ENTITY');
  return { project: said(variables, 'WANDB_PROJECT') ?? PROJECT, ...(entity === undefined ? {} : { entity }) };
}

/** An address without what is secret in it, and without a slash at its end. */
function serverAddress(text: string, variable: string, what: string, advice: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) throw new WishboneError(`${what}: ${bare(text)}`, variable, advice);
  return url.origin + url.pathname.replace(/\/+$/, '');
}

const bare = (text: string): string => text.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/, '');

function said(variables: Variables, name: string): string | undefined {
  const value = variables[name]?.trim();
  return value === undefined || value === '' ? undefined : value;
}

/**
 * What one proves oneself to a server with. It goes to the server alone that it was given for: a run folder may come from anywhere, and
 * names whatever server it likes.
 *
 * @returns the value of `Authorization`, if any
 */
export function mlflowAuthorization({ uri }: MlflowPlace, variables: Variables = process.env): string | undefined {
  const own = said(variables, 'MLFLOW_TRACKING_URI');
  if (own === undefined || !URL.canParse(own) || new URL(own).origin !== new URL(uri).origin) return undefined;
  const { username, password } = new URL(own);
  const [name, secret] = [
    said(variables, 'MLFLOW_TRACKING_USERNAME') ?? decodeURIComponent(username),
    said(variables, 'MLFLOW_TRACKING_PASSWORD') ?? decodeURIComponent(password),
  ];
  if (name !== '') return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
  const token = said(variables, 'MLFLOW_TRACKING_TOKEN');
  return token === undefined ? undefined : `Bearer ${token}`;
}

/** The same for a Trackio server: its write token. */
export function trackioToken({ server }: TrackioPlace, variables: Variables = process.env): string | undefined {
  const own = said(variables, 'TRACKIO_SERVER_URL');
  if (server === undefined || own === undefined || !URL.canParse(own) || new URL(own).origin !== new URL(server).origin) return undefined;
  return said(variables, 'TRACKIO_WRITE_TOKEN') ?? new URL(own).searchParams.get('write_token') ?? undefined;
}
