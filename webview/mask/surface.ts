/** How text stands. */
export interface TextStyle {
  readonly color: string;
  readonly font: string;
  /** CSS pixels. */
  readonly size: number;
  readonly align: 'left' | 'center' | 'right';
  /** Turned so that it reads upwards. */
  readonly upright?: boolean;
}

/** What the mask is painted on. Lengths are CSS pixels; the same painting makes the canvas and the SVG file. */
export interface Surface {
  rect(x: number, y: number, width: number, height: number, fill: string): void;
  /** @param points x and y in turn */
  polygon(points: readonly number[], fill: string): void;
  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width: number): void;
  frame(x: number, y: number, width: number, height: number, stroke: string, lineWidth: number): void;
  /** `y` is the middle of the line. */
  text(text: string, x: number, y: number, style: TextStyle): void;
  /** Paints within a rectangle only. */
  clipped(x: number, y: number, width: number, height: number, paint: () => void): void;
  /** Paints with another origin. */
  moved(x: number, y: number, paint: () => void): void;
}

export class CanvasSurface implements Surface {
  constructor(readonly context: CanvasRenderingContext2D) {}

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.context.fillStyle = fill;
    this.context.fillRect(x, y, width, height);
  }

  polygon(points: readonly number[], fill: string): void {
    const { context } = this;
    context.fillStyle = fill;
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) context.lineTo(points[i]!, points[i + 1]!);
    context.fill();
  }

  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width: number): void {
    const { context } = this;
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  frame(x: number, y: number, width: number, height: number, stroke: string, lineWidth: number): void {
    this.context.strokeStyle = stroke;
    this.context.lineWidth = lineWidth;
    this.context.strokeRect(x, y, width, height);
  }

  text(text: string, x: number, y: number, { color, font, size, align, upright = false }: TextStyle): void {
    const { context } = this;
    context.fillStyle = color;
    context.font = `${size}px ${font}`;
    context.textAlign = align;
    context.textBaseline = 'middle';
    if (!upright) {
      context.fillText(text, x, y);
      return;
    }
    context.save();
    context.translate(x, y);
    context.rotate(-Math.PI / 2);
    context.fillText(text, 0, 0);
    context.restore();
  }

  clipped(x: number, y: number, width: number, height: number, paint: () => void): void {
    const { context } = this;
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    paint();
    context.restore();
  }

  moved(x: number, y: number, paint: () => void): void {
    const { context } = this;
    context.save();
    context.translate(x, y);
    paint();
    context.restore();
  }
}

/** Writes an SVG file. */
export class SvgSurface implements Surface {
  readonly #parts: string[] = [];
  #clips = 0;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {}

  rect(x: number, y: number, width: number, height: number, fill: string): void {
    this.#parts.push(`<rect ${box(x, y, width, height)} fill="${escape(fill)}"/>`);
  }

  polygon(points: readonly number[], fill: string): void {
    this.#parts.push(`<polygon points="${points.map(short).join(' ')}" fill="${escape(fill)}"/>`);
  }

  line(x1: number, y1: number, x2: number, y2: number, stroke: string, width: number): void {
    const ends = `x1="${short(x1)}" y1="${short(y1)}" x2="${short(x2)}" y2="${short(y2)}"`;
    this.#parts.push(`<line ${ends} stroke="${escape(stroke)}" stroke-width="${short(width)}"/>`);
  }

  frame(x: number, y: number, width: number, height: number, stroke: string, lineWidth: number): void {
    const style = `fill="none" stroke="${escape(stroke)}" stroke-width="${short(lineWidth)}"`;
    this.#parts.push(`<rect ${box(x, y, width, height)} ${style}/>`);
  }

  text(text: string, x: number, y: number, { color, font, size, align, upright = false }: TextStyle): void {
    const anchor = { left: 'start', center: 'middle', right: 'end' }[align];
    const turn = upright ? ` transform="rotate(-90 ${short(x)} ${short(y)})"` : '';
    const style = `fill="${escape(color)}" font-family="${escape(font)}" font-size="${short(size)}"`;
    this.#parts.push(
      `<text x="${short(x)}" y="${short(y)}" dominant-baseline="central" text-anchor="${anchor}" ${style}${turn}>` +
        `${escape(text)}</text>`,
    );
  }

  clipped(x: number, y: number, width: number, height: number, paint: () => void): void {
    const id = `clip-${this.#clips++}`;
    this.#parts.push(`<clipPath id="${id}"><rect ${box(x, y, width, height)}/></clipPath><g clip-path="url(#${id})">`);
    paint();
    this.#parts.push('</g>');
  }

  moved(x: number, y: number, paint: () => void): void {
    this.#parts.push(`<g transform="translate(${short(x)} ${short(y)})">`);
    paint();
    this.#parts.push('</g>');
  }

  toString(): string {
    const { width, height } = this;
    const size = `width="${short(width)}" height="${short(height)}" viewBox="0 0 ${short(width)} ${short(height)}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${this.#parts.join('\n')}\n</svg>\n`;
  }
}

function box(x: number, y: number, width: number, height: number): string {
  return `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
}

/** Hundredths of a pixel are enough. */
function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escape(text: string): string {
  return (
    text
      // XML has no way to write other control characters.
      .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '\uFFFD')
      .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
  );
}
