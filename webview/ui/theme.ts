/** The editor's colours, read from the CSS variables that VS Code gives a webview. */
export interface Theme {
  readonly foreground: string;
  readonly muted: string;
  readonly grid: string;
  readonly blue: string;
  readonly green: string;
  readonly red: string;
  readonly orange: string;
  readonly purple: string;
  readonly yellow: string;
  /** Between seen and not: orange, where that is not as good as blue. */
  readonly warning: string;
  readonly background: string;
  readonly focus: string;
  readonly tooltipBackground: string;
  readonly tooltipBorder: string;
  readonly font: string;
  /** For tokens: all characters are equally wide. */
  readonly editorFont: string;
  readonly fontSize: number;
  readonly highContrast: boolean;
}

export function readTheme(): Theme {
  // The body's: what depends on the kind of theme is set there.
  const style = getComputedStyle(document.body);
  const color = (...names: string[]): string => {
    for (const name of names) {
      const value = style.getPropertyValue(name).trim();
      if (value !== '') return value;
    }
    return 'currentcolor';
  };
  const highContrast = document.body.className.includes('vscode-high-contrast');
  return {
    foreground: color('--vscode-foreground'),
    muted: highContrast ? color('--vscode-foreground') : color('--vscode-descriptionForeground', '--vscode-foreground'),
    grid: color('--vscode-contrastBorder', '--vscode-charts-lines', '--vscode-editorWidget-border', '--vscode-foreground'),
    blue: color('--vscode-charts-blue', '--vscode-foreground'),
    green: color('--vscode-charts-green', '--vscode-foreground'),
    red: color('--vscode-charts-red', '--vscode-errorForeground'),
    orange: color('--vscode-charts-orange', '--vscode-foreground'),
    purple: color('--vscode-charts-purple', '--vscode-foreground'),
    yellow: color('--vscode-charts-yellow', '--vscode-foreground'),
    warning: color('--warning', '--vscode-foreground'),
    background: color('--vscode-editor-background'),
    focus: color('--vscode-focusBorder', '--vscode-foreground'),
    tooltipBackground: color('--vscode-editorHoverWidget-background', '--vscode-editor-background'),
    tooltipBorder: color('--vscode-editorHoverWidget-border', '--vscode-contrastBorder'),
    font: color('--vscode-font-family'),
    editorFont: color('--vscode-editor-font-family', '--vscode-font-family'),
    fontSize: Number.parseFloat(style.getPropertyValue('--vscode-font-size')) || 13,
    highContrast,
  };
}

/** Calls back when the editor's theme changes: VS Code then rewrites the variables and the body's classes. */
export function onThemeChange(changed: () => void): void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
}

const probe = document.createElement('canvas').getContext('2d');

/** The same colour, but more see-through. `alpha` from 0 to 1 multiplies the colour's own. */
export function withAlpha(color: string, alpha: number): string {
  if (probe === null) return color;
  // A canvas turns any CSS colour into #rrggbb, or rgba(…) when it is see-through already.
  probe.fillStyle = color;
  const plain = String(probe.fillStyle);
  const parts = /^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/.exec(plain);
  if (parts !== null) return `rgba(${parts[1]}, ${parts[2]}, ${parts[3]}, ${Number(parts[4]) * alpha})`;
  return (
    plain +
    Math.round(alpha * 255)
      .toString(16)
      .padStart(2, '0')
  );
}
