import { WishboneError } from '../../errors.js';
import { isTerminal } from '../../events/events.js';
import type { MlflowPlace } from '../asked.js';
import type { DescribedRun } from '../described.js';
import { mlflowAuthorization } from '../places.js';
import { pointOf } from '../points.js';
import type { Ending, Shipment, Tracker, TrackerContext } from '../tracker.js';
import { MlflowClient, MlflowRefusal } from './client.js';
import { LONGEST_TAG, type Metric, metricBatches, metricsOf, MOST_PAIRS, type Pair, parametersOf } from './limits.js';

/** What MLflow calls how a run stands. */
const STATUS: Readonly<Record<Ending, string>> = { finished: 'FINISHED', stopped: 'KILLED', failed: 'FAILED' };
/** By which a run is found again whose making was not answered. */
const KEY_TAG = 'wishbone.key';
/** Stores of artifacts that the server itself keeps begin so; others want the client of a cloud. */
const OWN_STORE = 'mlflow-artifacts:';

interface RemoteRun {
  readonly info: {
    readonly run_id: string;
    readonly experiment_id: string;
    readonly artifact_uri?: string;
    readonly lifecycle_stage?: string;
  };
  readonly data?: { readonly params?: readonly Pair[] };
}

/**
 * A run as a run of MLflow's: parameters, metrics by step under the names of transformers' MLflowCallback, tags, how it ended, and the model
 * card. What is sent twice is the same to MLflow: a metric is told by its name, step, time and value.
 */
export class MlflowTracker implements Tracker {
  readonly #place: MlflowPlace;
  readonly #context: TrackerContext;
  readonly #client: MlflowClient;
  #run: RemoteRun['info'] | undefined;

  constructor(place: MlflowPlace, context: TrackerContext) {
    this.#place = place;
    this.#context = context;
    this.#client = new MlflowClient(place.uri, mlflowAuthorization(place, context.variables), context.network, context.signal);
  }

  async send({ events, run, crashed, card }: Shipment): Promise<undefined> {
    this.#run ??= await this.#open(run);
    const metrics: Metric[] = [];
    const flush = async (): Promise<void> => {
      await this.#log(metrics.splice(0));
    };
    for (const event of events) {
      if (event.type === 'step' || event.type === 'eval') metrics.push(...metricsOf(pointOf(event)));
      if (event.type === 'start') {
        await flush();
        await this.#describe(run, { device: event.device, backend: event.backend, parameters: event.parameters });
        await this.#update('RUNNING');
      }
      if (!isTerminal(event)) continue;
      await flush();
      if (event.type === 'finished' && card !== undefined) await this.#sendCard(card);
      await this.#update(STATUS[event.type], event.time);
    }
    await flush();
    if (crashed !== undefined) await this.#update(STATUS.failed, crashed);
    return undefined;
  }

  /** Finds the run there, or makes it. */
  async #open(run: DescribedRun): Promise<RemoteRun['info']> {
    const known = this.#context.remote['run_id'];
    const found = known === undefined ? await this.#find(run) : await this.#known(known);
    const { run_id, experiment_id, lifecycle_stage } = found;
    if (lifecycle_stage === 'deleted') {
      const advice = `restore it there (\`mlflow runs restore --run-id ${run_id}\`); \`wishbone track\` sends what is left`;
      throw new WishboneError('the run was deleted from MLflow', this.#place.uri, advice);
    }
    await this.#context.keep({ run_id, experiment_id }, `${this.#place.uri}/#/experiments/${experiment_id}/runs/${run_id}`);
    return found;
  }

  async #known(run_id: string): Promise<RemoteRun['info']> {
    const { run } = (await this.#client.get('runs/get', { run_id })) as unknown as { run: RemoteRun };
    return run.info;
  }

  async #find(run: DescribedRun): Promise<RemoteRun['info']> {
    const experiment_id = await this.#experiment();
    const filter = `tags.\`${KEY_TAG}\` = '${this.#context.key}'`;
    const { runs } = (await this.#client.post('runs/search', { experiment_ids: [experiment_id], filter, max_results: 1 })) as {
      runs?: readonly RemoteRun[];
    };
    if (runs?.[0] !== undefined) return runs[0].info;
    const made = (await this.#client.post('runs/create', {
      experiment_id,
      run_name: run.name,
      start_time: Date.parse(run.created),
      tags: [{ key: KEY_TAG, value: this.#context.key }],
    })) as unknown as { run: RemoteRun };
    return made.run.info;
  }

  async #experiment(): Promise<string> {
    const name = this.#place.experiment;
    const found = await this.#named(name);
    if (found !== undefined) return found;
    try {
      return String((await this.#client.post('experiments/create', { name }))['experiment_id']);
    } catch (error) {
      // Somebody else was quicker.
      if (!(error instanceof MlflowRefusal) || error.code !== 'RESOURCE_ALREADY_EXISTS') throw error;
      return (await this.#named(name)) ?? this.#throw(error);
    }
  }

  async #named(name: string): Promise<string | undefined> {
    try {
      const { experiment } = (await this.#client.get('experiments/get-by-name', { experiment_name: name })) as unknown as {
        experiment: { experiment_id: string; lifecycle_stage?: string };
      };
      if (experiment.lifecycle_stage !== 'deleted') return experiment.experiment_id;
    } catch (error) {
      if (error instanceof MlflowRefusal && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
    const advice = `restore it there (\`mlflow experiments restore\`), or remove its run from ${'trackers.json'} and name another`;
    throw new WishboneError(`the experiment "${name}" was deleted from MLflow`, this.#place.uri, advice);
  }

  #throw(error: Error): never {
    throw error;
  }

  /**
   * All options as parameters, and what is said of the run as tags. Parameters cannot be changed there: what a resumed run has otherwise
   * (threads, devices) becomes a tag.
   */
  async #describe(
    run: DescribedRun,
    start: { readonly device: string; readonly backend: string; readonly parameters: number },
  ): Promise<void> {
    const { run: there } = (await this.#client.get('runs/get', { run_id: this.#id })) as unknown as { run: RemoteRun };
    const known = new Map((there.data?.params ?? []).map(({ key, value }) => [key, value]));
    const own = parametersOf(run);
    const tags: Pair[] = [
      { key: 'mlflow.runName', value: run.name },
      { key: 'mlflow.source.name', value: 'wishbone' },
      { key: 'wishbone.run', value: run.id },
      { key: 'wishbone.device', value: start.device },
      { key: 'wishbone.backend', value: start.backend },
      { key: 'wishbone.parameters', value: String(start.parameters) },
      ...(run.version === undefined ? [] : [{ key: 'wishbone.version', value: run.version }]),
      ...(run.git === undefined ? [] : [{ key: 'mlflow.source.git.commit', value: run.git.commit }]),
      ...(run.git === undefined ? [] : [{ key: 'wishbone.git.dirty', value: String(run.git.dirty) }]),
      ...(run.tags.length === 0 ? [] : [{ key: 'wishbone.tags', value: run.tags.join(', ') }]),
      ...(run.notes === '' ? [] : [{ key: 'mlflow.note.content', value: cut(run.notes) }]),
      ...own
        .filter(({ key, value }) => known.has(key) && known.get(key) !== value)
        .map(({ key, value }) => ({ key: `resumed.${key}`, value })),
    ];
    const missing = own.filter(({ key }) => !known.has(key));
    for (const params of slices(missing)) await this.#client.post('runs/log-batch', { run_id: this.#id, params });
    for (const some of slices(tags)) await this.#client.post('runs/log-batch', { run_id: this.#id, tags: some });
  }

  async #log(metrics: readonly Metric[]): Promise<void> {
    for (const batch of metricBatches(metrics)) {
      try {
        await this.#client.post('runs/log-batch', { run_id: this.#id, metrics: batch });
      } catch (error) {
        // Something before the server takes less than it does.
        if (!(error instanceof MlflowRefusal) || error.status !== 413 || batch.length < 2) throw error;
        const half = batch.length >> 1;
        await this.#log(batch.slice(0, half));
        await this.#log(batch.slice(half));
      }
    }
  }

  async #update(status: string, end?: string): Promise<void> {
    await this.#client.post('runs/update', { run_id: this.#id, status, ...(end === undefined ? {} : { end_time: Date.parse(end) }) });
  }

  /** As the run's description, and whole among its artifacts where the server keeps those itself. */
  async #sendCard(card: string): Promise<void> {
    const store = this.#run?.artifact_uri ?? '';
    if (store.startsWith(OWN_STORE)) {
      const root = store
        .slice(OWN_STORE.length)
        .replace(/^\/\/[^/]*/, '')
        .replace(/^\/+/, '');
      await this.#client.putArtifact(`${root}/README.md`, Buffer.from(card));
    }
    await this.#client.post('runs/set-tag', { run_id: this.#id, key: 'mlflow.note.content', value: cut(card) });
  }

  get #id(): string {
    return this.#run?.run_id ?? '';
  }
}

const CUT = '\n\n… (cut)';
const cut = (text: string): string => (text.length <= LONGEST_TAG ? text : `${text.slice(0, LONGEST_TAG - CUT.length)}${CUT}`);

const slices = <T>(items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / MOST_PAIRS) }, (_, at) => items.slice(at * MOST_PAIRS, (at + 1) * MOST_PAIRS));
