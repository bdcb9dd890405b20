import { randomBytes } from 'node:crypto';

import * as vscode from 'vscode';

import { pageHtml, textHtml } from './html.js';

/** What a panel's page may do and read: scripts, and nothing but our own built files. */
export function pageOptions(extensionUri: vscode.Uri): vscode.WebviewOptions {
  return { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(extensionUri, 'dist', 'webview')] };
}

/** Loads one of our pages into a panel: `webview/<view>`, built to `dist/webview/<view>.js` and `.css`. */
export function loadPage(panel: vscode.WebviewPanel, extensionUri: vscode.Uri, view: string, title: string): void {
  const { webview } = panel;
  const asset = (name: string): string =>
    webview.asWebviewUri(vscode.Uri.joinPath(extensionUri, 'dist', 'webview', name)).toString();
  panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'icon.svg');
  webview.html = pageHtml({
    view,
    title,
    cspSource: webview.cspSource,
    script: asset(`${view}.js`),
    style: asset(`${view}.css`),
    nonce: randomBytes(16).toString('hex'),
  });
}

/** Has a panel say something: such a page has no script and reads nothing. */
export function loadText({ webview, title }: vscode.WebviewPanel, text: string): void {
  webview.html = textHtml(title, text);
}
