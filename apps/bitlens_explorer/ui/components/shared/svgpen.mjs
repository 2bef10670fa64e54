/** A pen that draws as a canvas's 2-D context does, but into the text of an SVG: the part of its methods that heat maps use. */
export class SvgPen {
  constructor(width, height, measure) {
    Object.assign(this, { width, height, measure, parts: [], path: "", turns: [], clips: 0 });
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "13px sans-serif" });
    Object.assign(this, { textAlign: "left", textBaseline: "alphabetic" });
    this.kept = [];
  }

  measureText(text) { return this.measure(text, this.font); }

  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, textAlign, textBaseline } = this;
    this.kept.push({ fillStyle, strokeStyle, lineWidth, globalAlpha, textAlign, textBaseline, open: 0 });
  }

  restore() {
    const { open, ...styles } = this.kept.pop();
    this.parts.push("</g>".repeat(open));
    Object.assign(this, styles);
  }

  translate(x, y) { this.group(`transform="translate(${round(x)} ${round(y)})"`); }

  rotate(angle) { this.group(`transform="rotate(${round((angle * 180) / Math.PI)})"`); }

  clip() {
    this.clips += 1;
    this.parts.push(`<clipPath id="clip${this.clips}"><path d="${this.path}"/></clipPath>`);
    this.group(`clip-path="url(#clip${this.clips})"`);
  }

  /** Until the next restore. */
  group(attribute) {
    this.parts.push(`<g ${attribute}>`);
    this.kept.at(-1).open += 1;
  }

  beginPath() { this.path = ""; }

  moveTo(x, y) { this.path += `M${round(x)} ${round(y)}`; }

  lineTo(x, y) { this.path += `L${round(x)} ${round(y)}`; }

  rect(x, y, width, height) { this.path += `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`; }

  stroke() {
    const { path, strokeStyle, lineWidth, globalAlpha } = this;
    this.parts.push(`<path d="${path}" fill="none" stroke="${escaped(strokeStyle)}" stroke-width="${round(lineWidth)}" opacity="${globalAlpha}"/>`);
  }

  strokeRect(x, y, width, height) {
    this.beginPath();
    this.rect(x, y, width, height);
    this.stroke();
  }

  fillRect(x, y, width, height) {
    this.parts.push(`<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${escaped(this.fillStyle)}"/>`);
  }

  fillText(text, x, y, most = Infinity) {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const shift = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    const fit = this.measureText(text).width > most ? ` textLength="${round(most)}" lengthAdjust="spacingAndGlyphs"` : "";
    this.parts.push(`<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${shift}${fit} fill="${escaped(this.fillStyle)}">${escaped(text)}</text>`);
  }

  drawImage(canvas, x, y, width, height) {
    const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
    this.parts.push(`<image ${place} preserveAspectRatio="none" style="image-rendering:pixelated" href="${canvas.toDataURL()}"/>`);
  }

  /** The whole picture. */
  toString() {
    const { width, height, font } = this;
    const [size, ...family] = font.split(" ");
    const frame = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
    const letters = `font-size="${size}" font-family="${escaped(family.join(" "))}"`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${frame} ${letters}>${this.parts.join("\n")}</svg>\n`;
  }
}

function round(value) { return Number(value.toFixed(3)); }

/** Text as itself, never as markup. */
export function escaped(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return String(text).replace(/[&<>"]/g, (letter) => names[letter]);
}
