/** What the page of a panel is made of. Addresses are the webview's own, as text. */
export interface PageParts {
  /** Id of the page's main element, which its script fills. */
  readonly view: string;
  readonly title: string;
  readonly cspSource: string;
  readonly script: string;
  readonly style: string;
  /** Fresh for every page: only the script that carries it may run. */
  readonly nonce: string;
}

/**
 * The page of a panel. Its policy forbids everything but our script, our style sheet and style elements with the
 * nonce: the controls make one to see whether the browser knows `:focus-visible`, and read the nonce from the page.
 * Their other styles are constructed sheets, and Chart.js sets properties; the policy does not concern either.
 */
export function pageHtml({ view, title, cspSource, script, style, nonce }: PageParts): string {
  const policy = `default-src 'none'; script-src 'nonce-${nonce}'; style-src ${cspSource} 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escapeHtml(style)}">
<title>${escapeHtml(title)}</title>
</head>
<body>
<main id="${escapeHtml(view)}"></main>
<script nonce="${nonce}" src="${escapeHtml(script)}"></script>
</body>
</html>`;
}

/** A page that says something and does nothing. */
export function textHtml(title: string, text: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>${escapeHtml(title)}</title>
</head>
<body>
<p role="status">${escapeHtml(text)}</p>
</body>
</html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
