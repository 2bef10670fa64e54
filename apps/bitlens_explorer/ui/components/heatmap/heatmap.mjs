import { SvgPen } from "../shared/svgpen.mjs";
import { below, cellAt, cellColor, colorIndex, decodeFloats, describeCell, findCell, formatValue, moveCell, pickedNumbers, shorten, shownHeight, tickStep, tileStart, wantsBlack } from "../shared/cells.mjs";

// A clickable heat map on a canvas. Python sends `data` (see heatmap.py) and is told the picked cell by its numbers.
const instances = new WeakMap();
const FONT = "13px sans-serif";
const LABEL_LETTERS = 12;

export default function heatMap({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".heatmap");
  const map = instances.get(root) ?? newInstance(root);
  map.send = (cell) => setTriggerValue("picked", pickedNumbers(map.data, cell));
  update(map, data);
  map.observer.observe(root);
  return () => map.observer.disconnect();
}

function newInstance(root) {
  const find = (name) => root.querySelector(name);
  const map = {
    root, stage: find(".stage"), canvas: find("canvas"), tip: find(".tip"), live: find(".live"),
    cells: document.createElement("canvas"), cell: null, sent: null,
  };
  map.observer = new ResizeObserver(() => draw(map));
  map.canvas.addEventListener("pointermove", (event) => hover(map, event));
  map.canvas.addEventListener("pointerleave", () => { map.tip.hidden = true; });
  map.canvas.addEventListener("click", (event) => {
    map.stage.focus({ preventScroll: true });
    const cell = eventCell(map, event);
    if (cell) pick(map, tileStart(map.data, cell, map.cell));
  });
  map.stage.addEventListener("keydown", (event) => {
    const { data } = map;
    const step = data.tile_names ? data.tile : undefined;
    const cell = tileStart(data, moveCell(map.cell, event.key, data.rows.length, data.columns.length, step));
    if (!cell) return;
    event.preventDefault();
    event.stopPropagation();
    pick(map, cell);
  });
  find(".save-png").addEventListener("click", () => savePicture(map));
  find(".save-svg").addEventListener("click", () => saveDrawing(map));
  instances.set(root, map);
  return map;
}

function update(map, data) {
  const other = map.data?.version !== data.version;
  map.data = data;
  if (other) {
    map.values = decodeFloats(data.values);
    map.under = data.under && decodeFloats(data.under.values);
    map.palette = Uint8Array.from(atob(data.palette), (c) => c.charCodeAt(0));
    paintCells(map);
    map.sent = null;
  }
  // While an own pick is on its way, answers to former ones would move the cell back.
  const told = JSON.stringify(data.selected);
  if (map.sent === null || map.sent === told) {
    map.cell = findCell(data.selected, data.row_ids, data.column_ids, data.tile);
    map.sent = null;
  }
  map.stage.setAttribute("aria-label", `${data.title}. Arrow keys move the cell; Data and export has a table.`);
  draw(map);
}

function pick(map, cell) {
  map.cell = cell;
  map.sent = JSON.stringify(pickedNumbers(map.data, cell));
  map.live.textContent = describe(map, cell);
  draw(map);
  map.send(cell);
}

function describe({ data, values, under }, cell) {
  return describeCell(data, values, cell, below(data, under, cell));
}

function paintCells(map) {
  const { data, values, palette, cells, under } = map;
  cells.width = data.columns.length;
  cells.height = data.rows.length;
  const context = cells.getContext("2d");
  const image = context.createImageData(cells.width, cells.height);
  values.forEach((value, i) => {
    const shade = below(data, under, [Math.floor(i / cells.width), i % cells.width]);
    const color = cellColor(data, palette, value, shade);
    if (!color) return; // stays transparent: the hatching behind shows
    image.data.set(color, 4 * i);
    image.data[4 * i + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

function draw(map) {
  const { root, canvas, data } = map;
  const width = root.clientWidth;
  if (!width) return;
  const density = window.devicePixelRatio || 1;
  const pen = canvas.getContext("2d");
  arrange(pen, map, width);
  canvas.width = width * density; // which also makes the pen forget what was set
  canvas.height = map.height * density;
  canvas.style.height = `${map.height}px`;
  pen.scale(density, density);
  pen.imageSmoothingEnabled = false;
  const style = getComputedStyle(root);
  map.ink = style.color;
  map.paper = style.getPropertyValue("--st-background-color").trim() || "#ffffff";
  paint(pen, map);
  root.dataset.ready = data.version;
  root.dataset.selected = map.cell ? `${data.row_ids[map.cell[0]]}.${data.column_ids[map.cell[1]]}` : "";
  root.dataset.rows = data.row_ids.join(",");
  root.dataset.columns = data.column_ids.join(",");
  root.dataset.plot = [map.plot.left, map.plot.top, map.plot.width, map.plot.height].join(",");
}

/** Where everything goes. */
function arrange(pen, map, width) {
  const { data } = map;
  pen.font = FONT;
  map.names = (data.tile_names ?? (data.tile ? [[], []] : [data.rows, data.columns])).map((labels) =>
    labels.map((label) => shorten(label, LABEL_LETTERS)));
  const widest = Math.max(...map.names[0].map((label) => pen.measureText(label).width));
  const left = map.names[0].length ? Math.ceil(widest) + 34 : 4;
  map.bar = Math.ceil(Math.max(...barMarks(data).map(([, text]) => pen.measureText(text).width))) + 46;
  const foot = data.tile ? (data.tile_names ? 26 : 8) : 44;
  const top = data.unit || data.tile_names ? 22 : 8;
  const height = (data.tile ? data.height : shownHeight(data.height, window.innerHeight)) - top - foot;
  map.plot = { left, top, width: Math.max(20, width - left - map.bar - 12), height };
  if (data.square) {
    const side = Math.min(map.plot.width / data.columns.length, map.plot.height / data.rows.length);
    Object.assign(map.plot, { width: side * data.columns.length, height: side * data.rows.length });
  }
  map.height = Math.ceil(map.plot.top + map.plot.height + foot);
}

/** Everything, with a pen of a canvas or of an SVG. */
function paint(pen, map) {
  const { data } = map;
  pen.font = FONT;
  drawHatching(pen, map);
  pen.drawImage(map.cells, map.plot.left, map.plot.top, map.plot.width, map.plot.height);
  if (data.numbers) drawNumbers(pen, map);
  if (data.tile) drawTiles(pen, map);
  if (map.names[0].length) drawAxes(pen, map);
  drawBar(pen, map);
  drawOutline(pen, map);
}

function drawHatching(pen, { plot, ink }) {
  pen.save();
  pen.beginPath();
  pen.rect(plot.left, plot.top, plot.width, plot.height);
  pen.clip();
  pen.strokeStyle = ink;
  pen.globalAlpha = 0.35;
  pen.beginPath();
  for (let x = plot.left - plot.height; x < plot.left + plot.width; x += 7) {
    pen.moveTo(x, plot.top + plot.height);
    pen.lineTo(x + plot.height, plot.top);
  }
  pen.stroke();
  pen.restore();
}

function drawNumbers(pen, { data, values, palette, plot }) {
  const [rows, columns] = [data.rows.length, data.columns.length];
  const [width, height] = [plot.width / columns, plot.height / rows];
  const texts = Array.from(values, (value) => formatValue(value, 2));
  if (height < 15 || width < Math.max(...texts.map((text) => pen.measureText(text).width)) + 4) return;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  texts.forEach((text, i) => {
    const entry = colorIndex(values[i], data.low, data.high);
    if (entry < 0) return;
    pen.fillStyle = wantsBlack(...palette.subarray(3 * entry, 3 * entry + 3)) ? "#000" : "#fff";
    pen.fillText(text, plot.left + ((i % columns) + 0.5) * width, plot.top + (Math.floor(i / columns) + 0.5) * height);
  });
}

/** Lines between the tiles of a mosaic. */
function drawTiles(pen, { data, plot, paper }) {
  const [height, width] = [(plot.height * data.tile[0]) / data.rows.length, (plot.width * data.tile[1]) / data.columns.length];
  pen.strokeStyle = paper;
  pen.lineWidth = Math.min(3, width / 6);
  pen.beginPath();
  for (let x = plot.left; x < plot.left + plot.width + 1; x += width) pen.rect(x, plot.top, 0, plot.height);
  for (let y = plot.top; y < plot.top + plot.height + 1; y += height) pen.rect(plot.left, y, plot.width, 0);
  pen.stroke();
}

function drawAxes(pen, { data, plot, ink, names: [rows, columns] }) {
  // Names of tiles stand above: below a tall strip they would be out of sight.
  const [beside, title] = data.tile ? [-10, plot.height + 15] : [plot.height + 12, plot.height + 33];
  pen.fillStyle = ink;
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  const widest = Math.max(...columns.map((label) => pen.measureText(label).width));
  const across = tickStep(columns.length, plot.width, widest + 8);
  for (let i = 0; i < columns.length; i += across) {
    pen.fillText(columns[i], plot.left + ((i + 0.5) * plot.width) / columns.length, plot.top + beside);
  }
  pen.textAlign = "right";
  const down = tickStep(rows.length, plot.height, 15);
  for (let i = 0; i < rows.length; i += down) {
    pen.fillText(rows[i], plot.left - 6, plot.top + ((i + 0.5) * plot.height) / rows.length);
  }
  pen.textAlign = "center";
  pen.fillText(data.x_title, plot.left + plot.width / 2, plot.top + title, plot.width);
  pen.save();
  pen.translate(9, plot.top + plot.height / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(data.y_title, 0, 0, plot.height);
  pen.restore();
}

/** The marks of the colour bar: how far up, and what stands there. */
function barMarks({ low, high }) {
  if (!(high > low)) return [[0, formatValue(low)]];
  const digits = Number.isInteger(low) && Number.isInteger(high) && high - low >= 4 ? 0 : 3;
  return [0, 0.5, 1].map((part) => [part, formatValue(low + part * (high - low), digits)]);
}

function drawBar(pen, { data, palette, plot, ink, bar }) {
  const left = plot.left + plot.width + 12;
  for (let i = 0; i < 256; i += 1) {
    pen.fillStyle = `rgb(${palette.subarray(3 * i, 3 * i + 3).join()})`;
    pen.fillRect(left, plot.top + (plot.height * (255 - i)) / 256, 14, plot.height / 256 + 0.6);
  }
  pen.fillStyle = ink;
  pen.textAlign = "left";
  for (const [part, text] of barMarks(data)) {
    pen.fillText(text, left + 19, plot.top + 6 + (plot.height - 12) * (1 - part));
  }
  pen.textAlign = "right";
  pen.fillText(data.unit, left + bar, 9);
  pen.save();
  pen.textAlign = "center";
  pen.translate(left + 26, plot.top + plot.height * 0.75);
  pen.rotate(-Math.PI / 2);
  if (plot.height > 260) pen.fillText(data.bar_note, 0, 0, plot.height / 2 - 30);
  pen.restore();
}

function drawOutline(pen, { data, plot, cell }) {
  if (!cell) return;
  const [width, height] = [plot.width / data.columns.length, plot.height / data.rows.length];
  const [down, across] = data.tile_names ? data.tile : [1, 1];
  const box = [plot.left + cell[1] * width, plot.top + cell[0] * height, across * width, down * height];
  for (const [color, line] of [["#000000", 5], ["#ffffff", 2]]) {
    pen.strokeStyle = color;
    pen.lineWidth = line;
    pen.strokeRect(...box);
  }
}

function eventCell(map, event) {
  const frame = map.canvas.getBoundingClientRect();
  return cellAt(event.clientX - frame.left, event.clientY - frame.top, map.plot, map.data.rows.length, map.data.columns.length);
}

function hover(map, event) {
  const cell = eventCell(map, event);
  map.tip.hidden = !cell;
  if (!cell) return;
  map.tip.textContent = describe(map, cell);
  const frame = map.stage.getBoundingClientRect();
  const x = event.clientX - frame.left;
  map.tip.style.left = `${Math.max(0, Math.min(x + 14, frame.width - map.tip.offsetWidth))}px`;
  map.tip.style.top = `${event.clientY - frame.top + 18}px`;
}

function savePicture(map) {
  const picture = document.createElement("canvas");
  picture.width = map.canvas.width;
  picture.height = map.canvas.height;
  const pen = picture.getContext("2d");
  pen.fillStyle = map.paper;
  pen.fillRect(0, 0, picture.width, picture.height);
  pen.drawImage(map.canvas, 0, 0);
  picture.toBlob((blob) => save(blob, map.data.file, "png"));
}

function saveDrawing(map) {
  const ruler = map.canvas.getContext("2d");
  const pen = new SvgPen(map.root.clientWidth, map.height, (text) => ruler.measureText(text));
  pen.fillStyle = map.paper;
  pen.fillRect(0, 0, pen.width, pen.height);
  paint(pen, map);
  save(new Blob([pen.toString()], { type: "image/svg+xml" }), map.data.file, "svg");
}

function save(blob, name, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
