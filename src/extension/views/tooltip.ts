import * as vscode from 'vscode';

/** A heading and rows of name and value, as a tooltip. */
export function tooltipTable(title: string, rows: readonly (readonly [string, string])[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown('**').appendText(title).appendMarkdown('**\n\n|  |  |\n|--|--|\n');
  for (const [name, value] of rows) {
    // A bar in a file's name would end the table's cell.
    text.appendMarkdown(`| ${name} | `).appendText(value.replaceAll('|', '/')).appendMarkdown(' |\n');
  }
  return text;
}
