// What the circle packing draws round its circles, and pictures to keep; packing.mjs moves and listens.

import { colorIndex, shorten, wantsBlack } from "../shared/cells.mjs";
import { describeGroup, leastTrueValue, sampleExtremes, sampleValues, sayShort } from "./layout.mjs";

const SVG = "http://www.w3.org/2000/svg";
export const LEGEND = { width: 168, height: 74, widest: 20 };
export const LETTERS = 12;
export const LINE_HEIGHT = 16;
/** The page's own font is not there in a saved picture, where texts would then not fit. */
const FONT = "sans-serif";
let pen = null;

/** An SVG element. Looks are attributes, not style sheets, so that saved pictures keep them. */
export function shape(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

export function circle({ x, y, r }, attributes = {}) {
  return shape("circle", { cx: x.toFixed(6), cy: y.toFixed(6), r: r.toFixed(6), ...attributes });
}

export function setAttributes(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
}

/** Tells the width of texts in letters of some pixels. */
export function measured(letters) {
  pen ??= document.createElement("canvas").getContext("2d");
  return (text) => {
    pen.font = `${letters}px ${FONT}`;
    return pen.measureText(text).width;
  };
}

/** The part of the picture between two views at 0 to 1, slow at both ends. */
export function viewBetween(from, to, part) {
  const eased = part * part * (3 - 2 * part);
  const mix = (name) => from[name] + (to[name] - from[name]) * eased;
  return { x: mix("x"), y: mix("y"), r: mix("r") };
}

/** Text cut so that it is at most `width` wide as `measure` tells; empty where not even two letters fit. */
export function fitText(text, width, measure) {
  for (let letters = Array.from(text).length; letters > 1; letters -= 1) {
    const fitted = shorten(text, letters);
    if (measure(fitted) <= width) return fitted;
  }
  return measure(text) <= width ? text : "";
}

/** Text in lines at most `width` wide; a longer word stands alone. */
export function wrapText(text, width, measure) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Names of groups in the space above their items, cut to fit. */
export function placeNames({ data, plan, zoom, scale, names }, left, top) {
  plan.groups.forEach(({ x, y, r }, group) => {
    const room = 2 * (r - plan.bodies[group].r) * scale;
    const letters = Math.min(12, 0.8 * room);
    // A little wider than the circle is there: next to its top nothing else is.
    const width = 2.4 * Math.sqrt(Math.max(0, (r * scale - room / 4) * room));
    const text = names.children[group];
    text.textContent = letters < 8 || group === zoom ? "" : fitText(data.groups[group], width, measured(letters));
    const baseline = top + (y - r) * scale + room / 2 + 0.36 * letters;
    setAttributes(text, { x: left + x * scale, y: baseline, "font-size": letters });
  });
}

/** Numbers of the items whose circles have space for them, once nothing moves. */
export function placeNumbers({ data, plan, zoom, scale, numbers, colors, palette, areas, moving }, left, top) {
  if (moving) {
    numbers.replaceChildren();
    return;
  }
  const texts = plan.items.flatMap((places, group) => (zoom < 0 || zoom === group ? places : []).map(({ x, y, r }, item) => {
    const letters = Math.min(13, r * scale);
    const at = group * data.item_ids.length + item;
    const entry = areas[at] > leastTrueValue(plan.most) ? colorIndex(colors[at], data.low, data.high) : -1;
    if (letters < 7 || entry < 0) return null;
    const fill = wantsBlack(...palette[entry].match(/[0-9]+/g).map(Number)) ? "#000" : "#fff";
    const [cx, cy] = [left + x * scale, top + y * scale + 0.36 * letters];
    return shape("text", { x: cx, y: cy, "font-size": letters, fill }, String(data.item_ids[item]));
  }));
  numbers.replaceChildren(...texts.filter(Boolean));
}

function write(text, x, y, attributes = {}) {
  return shape("text", { x, y, fill: "currentColor", "font-size": LETTERS, ...attributes }, text);
}

/** What areas and colours mean at this zoom, and the caption. */
export function drawLegend(pack) {
  const { data, size, plan } = pack;
  const room = size.beside ? LEGEND.width : Math.min(LEGEND.width, size.width / 2 - 12);
  const [x, y] = size.beside ? [size.plotWidth + 12, 16] : [2, size.height + 14];
  const [besideX, belowY] = [x + Math.min(LEGEND.width + 24, size.width / 2), y + LEGEND.height + 8];
  pack.legend.replaceChildren(
    ...areaLegend(data, samplesOf(pack), x, y, room),
    ...(size.beside ? colorLegend(pack, x, belowY, room) : colorLegend(pack, besideX, y, room)),
    ...size.lines.map((line, i) => write(line, 2, size.total - LINE_HEIGHT * (size.lines.length - i) + 10)),
  );
}

function samplesOf({ data, values, plan, scale }) {
  if (data.power === 1) return sampleValues(plan.most, plan.scale * scale, LEGEND.widest);
  return sampleExtremes(values, data.power, plan.scale * scale, LEGEND.widest);
}

function areaLegend(data, samples, x, y, room) {
  if (!samples.length) return [];
  const measure = measured(LETTERS);
  const parts = [write(fitText(`Area: ${data.unit}`, room, measure), x, y)];
  let along = x + 1;
  for (const { value, r } of samples) {
    const text = sayShort(value);
    parts.push(circle({ x: along + r, y: y + 31, r }, { fill: "none", stroke: "currentColor" }));
    parts.push(write(text, along + 2 * r + 5, y + 35));
    along += 2 * r + 18 + measure(text);
  }
  return parts;
}

function colorLegend({ data, palette }, x, y, room) {
  const parts = [write(fitText(`Colour: ${data.color_title}`, room, measured(LETTERS)), x, y)];
  for (let i = 0; i < 64; i += 1) {
    const [left, right] = [i, i + 1].map((step) => Math.round(x + (room * step) / 64));
    parts.push(shape("rect", { x: left, y: y + 9, width: right - left, height: 12, fill: palette[4 * i + 2] }));
  }
  parts.push(write(sayShort(data.low), x, y + 36));
  if (data.high > data.low) parts.push(write(sayShort(data.high), x + room, y + 36, { "text-anchor": "end" }));
  return parts;
}

/** The picture on its own, with its title, in the page's colours. */
export function savedPicture(pack) {
  const { width } = pack.size;
  const height = pack.size.total + 24;
  const style = getComputedStyle(pack.root);
  const paper = style.getPropertyValue("--st-background-color").trim() || "#ffffff";
  const saved = pack.picture.cloneNode(true);
  setAttributes(saved, { viewBox: `0 -24 ${width} ${height}`, height, color: style.color, "font-family": FONT });
  saved.querySelector(".focus").remove();
  const title = pack.zoom < 0 ? pack.data.title : `${pack.data.title}: ${describeGroup(pack.data, pack.zoom)}`;
  saved.prepend(
    shape("rect", { y: -24, width, height, fill: paper }),
    shape("text", { x: 2, y: -8, "font-size": 14, fill: "currentColor" }, fitText(title, width - 4, measured(14))),
  );
  return new Blob([new XMLSerializer().serializeToString(saved)], { type: "image/svg+xml" });
}

export function savePng(pack) {
  const address = URL.createObjectURL(savedPicture(pack));
  const image = new Image();
  image.onload = () => {
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [2 * image.width, 2 * image.height];
    picture.getContext("2d").drawImage(image, 0, 0, picture.width, picture.height);
    URL.revokeObjectURL(address);
    picture.toBlob((blob) => save(`${pack.data.file}.png`, blob));
  };
  image.src = address;
}

export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
