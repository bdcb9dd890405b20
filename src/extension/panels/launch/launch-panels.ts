import type * as vscode from 'vscode';

import { type ConfigFile, resolveConfig } from '../../../core/config-file/index.js';
import { DEFAULT_RUNNER, PRESETS } from '../../../core/options/index.js';
import type { RunConfig } from '../../../core/run/index.js';
import type { LaunchHostMessage, LaunchPageMessage, LaunchPageState } from '../../../protocol/launch.js';
import type { Followed } from '../../draft/following.js';
import { type LaunchOptions, optionTexts, type Values } from '../../draft/read-draft.js';
import { NO_SWEEP, sweepTexts } from '../../draft/sweep-draft.js';
import type { Page } from '../page.js';
import { Panels } from '../panels.js';
import { LAUNCH, type LaunchContext, LaunchPanel } from './launch-panel.js';

/** The launch forms of this window, and what they can start from. */
export class LaunchPanels implements vscode.Disposable {
  readonly #context: LaunchContext;
  readonly #panels: Panels<LaunchPanel, LaunchHostMessage, LaunchPageMessage, LaunchPageState>;

  constructor(context: LaunchContext) {
    this.#context = context;
    this.#panels = new Panels(LAUNCH, context, (page, state) => this.#restore(page, state?.form));
  }

  dispose(): void {
    this.#panels.dispose();
  }

  /**
   * Opens a form.
   *
   * @param given a preference file to start from: a path, a URI, or an item of the Datasets view
   * @param more further values, by field
   */
  async launch(given?: unknown, more: Values = {}): Promise<void> {
    const { dataset, model } = await this.#context.paths.likely(given);
    // Preset and learning rate follow once the model has been inspected.
    this.#open({ ...BEGIN, values: { ...valuesOf({ dataset, model, options: FIRST }), ...more } });
  }

  /**
   * Opens a form with another run's settings, all of which can be changed.
   *
   * @param target that it was given to; empty for this machine
   * @param reportTo trackers that it is sent to
   */
  duplicate(config: RunConfig, target: string, reportTo: readonly string[] = []): void {
    const { dataset, eval_dataset: evaluation, model, plan } = config;
    // Held-out pairs will be held out again.
    const evalDataset = plan.eval_fraction > 0 || evaluation === undefined ? undefined : (evaluation.names ?? evaluation.path);
    const values = valuesOf({ dataset: dataset.names ?? dataset.path, evalDataset, model: model.path, options: config });
    this.#open({ values: { ...values, target, reportTo: reportTo.join(', ') }, preset: '', own: { rate: true, preset: true } });
  }

  /** Opens a form filled from a run config, its sweep too. A missing dataset or model becomes the most likely one. */
  async launchConfig(config: ConfigFile): Promise<void> {
    const { name = '', preset = 'standard', dataset: given, evalDataset, model: folder, reportTo = [] } = config;
    const likely = given !== undefined && folder !== undefined ? undefined : await this.#context.paths.likely(given?.[0]);
    const [dataset, model] = [given ?? likely?.dataset, folder ?? likely?.model];
    const values = valuesOf({ dataset, evalDataset, model, options: resolveConfig(config) });
    const rate = config.training.learning_rate !== undefined || config.sweep?.values?.['training.learning_rate'] !== undefined;
    const own = { name, reportTo: reportTo.join(', '), ...sweepTexts(config) };
    this.#open({ values: { ...values, ...own }, preset, own: { rate, preset: true } });
  }

  #open(start: Followed): void {
    this.#add(this.#panels.newPage(LAUNCH.title), start);
  }

  #restore(page: Page<LaunchHostMessage, LaunchPageMessage>, id: string | undefined): void {
    const kept = id === undefined ? undefined : this.#context.kept.get(id);
    const begin = valuesOf({ options: FIRST });
    const known = Object.entries(kept?.values ?? {}).filter(([field]) => field in begin);
    this.#add(page, { ...BEGIN, ...kept, values: { ...begin, ...Object.fromEntries(known) } }, id);
  }

  #add(page: Page<LaunchHostMessage, LaunchPageMessage>, start: Followed, id?: string): void {
    const form = this.#panels.add(page, new LaunchPanel(page, this.#context, start, id));
    page.panel.onDidDispose(() => {
      this.#context.kept.forget(form.id).catch((error: unknown) => this.#context.problems.log(error));
    });
  }
}

const FIRST: LaunchOptions = { ...PRESETS[0]!, runner: DEFAULT_RUNNER };

/** The initial state of a form about which nothing is known. */
const BEGIN: Omit<Followed, 'values'> = { preset: PRESETS[0]!.id, own: { rate: false, preset: false } };

function valuesOf(of: {
  readonly dataset?: string | readonly string[] | undefined;
  readonly evalDataset?: string | readonly string[] | undefined;
  readonly model?: string | undefined;
  readonly options: LaunchOptions;
}): Values {
  const { dataset = '', evalDataset = '', model = '', options } = of;
  const lines = (paths: string | readonly string[]): string => [paths].flat().join('\n');
  const given = { dataset: lines(dataset), evalDataset: lines(evalDataset), model };
  return { name: '', target: '', reportTo: '', ...NO_SWEEP, ...given, ...optionTexts(options) };
}
