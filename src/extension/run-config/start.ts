import * as vscode from 'vscode';

import type { LaunchPanels } from '../panels/launch/launch-panels.js';
import type { Problems } from '../problems.js';
import { ConfigDiagnostics } from './config-diagnostics.js';
import { ConfigFixes } from './config-fixes.js';
import { ConfigLenses } from './config-lenses.js';
import { CONFIG_FILES, launchConfigFile } from './launch-config.js';
import { setPlanOption } from './set-option.js';

/** Run configs in the editor: what is wrong in them, launching them, and making them of other tools' files. */
export function startRunConfigs(forms: LaunchPanels, problems: Problems): vscode.Disposable {
  return vscode.Disposable.from(
    new ConfigDiagnostics(),
    vscode.languages.registerCodeLensProvider(CONFIG_FILES, new ConfigLenses()),
    vscode.languages.registerCodeActionsProvider(CONFIG_FILES, new ConfigFixes(), {
      providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
    }),
    problems.command('wishbone.launchConfig', (given) => launchConfigFile(forms, given)),
    problems.command('wishbone.setPlanOption', (...given) => setPlanOption(forms, given)),
    problems.command('wishbone.convertConfig', async (given) => {
      // Its YAML parser is seldom needed.
      const { convertConfigFile } = await import('./convert.js');
      await convertConfigFile(given);
    }),
  );
}
