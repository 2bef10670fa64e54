// The state of a scatter-plot matrix: its data, selection and view, and when what is drawn again.

import {
  clampView, classOfSamples, combine, countClasses, dotHeights, drawOrder, fitView, flagsToText, MARGIN, parsePayload,
  settle, shuffled, textToFlags, viewAbout, viewCentre, visibleCells,
} from "./points.mjs";
import { flatPainter, glPainter } from "./gl.mjs";
import { drawAxes } from "./axes.mjs";
import { seenCloud, startCloud } from "./cloud.mjs";
import { drawDensity, drawMarks, drawOverview, measurePlot, neededHeight, overviewSize, penOf } from "./marks.mjs";

export const LINK = "bitlens-scatter-selection";
const SETTLED = 160; // milliseconds after the last movement until all points are drawn
const SMOOTH = 45; // milliseconds for a frame while something changes: points are left out for it
const OVERVIEW_POINTS = 200_000; // more, in all plots together, would not be seen in it
const HELP = "Plus and minus zoom, arrow keys move, Home shows all, Enter opens the framed plot, Escape clears the "
  + "selection. The buttons next to it select a class.";

const [FEW, LARGE] = [2500, 3.5]; // fewer points in a single plot begin with this size
const TURNS = "Arrow keys turn the cloud; Shift and arrow keys move it. ";

export function startPainter(matrix, flat = false) {
  const { canvases, root } = matrix;
  matrix.painter = flat ? null : glPainter(canvases.points, () => {
    startPainter(matrix, true);
    matrix.painter.load(matrix.points);
    arrange(matrix);
    schedule(matrix);
  });
  root.dataset.webgl = matrix.painter ? "1" : "0";
  if (matrix.painter) return;
  // A canvas that has been WebGL's gives no other pen.
  const fresh = canvases.points.cloneNode();
  canvases.points.replaceWith(fresh);
  canvases.points = fresh;
  matrix.painter = flatPainter(fresh);
}

export function update(matrix, data) {
  const { header, arrays } = parsePayload(data);
  const other = matrix.header?.version !== header.version;
  const { pending, adopt } = settle(matrix.pending, matrix.told, header.selected);
  Object.assign(matrix, { pending, told: header.selected });
  const keep = !adopt && matrix.chosen.length === header.samples;
  const chosen = keep ? matrix.chosen : textToFlags(header.selected, header.samples);
  if (other) {
    load(matrix, header, arrays);
    choose(matrix, chosen);
    draw(matrix);
  } else if (chosen.some((flag, i) => flag !== matrix.chosen[i])) {
    choose(matrix, chosen);
  }
}

function load(matrix, header, arrays) {
  const shape = { rows: header.rows.length, columns: header.columns.length };
  if (matrix.shape?.rows !== shape.rows || matrix.shape?.columns !== shape.columns) {
    Object.assign(matrix, { wanted: null, cell: null });
  }
  leave(matrix);
  if (!matrix.header && header.points < FEW && header.columns.length === 1) matrix.sizeInput.value = LARGE;
  const former = matrix.cloud;
  const colors = new Uint8Array(4 * header.points);
  const bytesOf = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  const bytes = [...header.colors, header.no_class].map(bytesOf);
  arrays.class_of.forEach((number, i) => colors.set(bytes[Math.min(number, header.colors.length)], 4 * i));
  const dots = dotHeights(arrays.class_of, header.classes.length);
  Object.assign(matrix, {
    header, shape, atlas: null, boxes: arrays.boxes, sampleOf: arrays.sample_of, classOf: arrays.class_of,
    points: { count: header.points, values: arrays.values, dots, colors }, cloud: null,
    random: shuffled(header.points), classes: classOfSamples(arrays.class_of, arrays.sample_of, header.samples),
  });
  const { root, stage } = matrix;
  root.querySelector("[data-mode=turn]").hidden = !header.turning;
  if (Boolean(former) !== header.turning) {
    root.querySelector(header.turning ? "[data-mode=turn]" : "[data-mode=lasso]").click();
  }
  if (header.turning) matrix.cloud = startCloud(header, matrix.points, former);
  matrix.painter.load(matrix.points);
  if (arrays.atlas) {
    createImageBitmap(new Blob([arrays.atlas])).then((picture) => {
      if (matrix.header.version === header.version) matrix.atlas = picture;
    });
  }
  root.querySelector(".side").style.maxHeight = `${header.height}px`;
  matrix.tallest = header.height;
  stage.setAttribute("aria-label", `${header.title}. ${header.turning ? TURNS : ""}${HELP}`);
  const drawn = [...new Set([...header.columns, ...header.rows])];
  const lost = drawn.filter((i) => header.not_drawn[i]).map((i) => `${header.names[i]}: ${header.not_drawn[i]}`);
  const note = `Points without a finite number are not drawn. ${lost.join(", ")}.`;
  matrix.lost = lost.length ? note : "";
  fillLegend(matrix);
}

/** Shows a cloud from another side. */
export function turnCloud(matrix, angles) {
  Object.assign(matrix.cloud, angles);
  matrix.points.values = seenCloud(matrix.cloud);
  matrix.painter.load(matrix.points);
  matrix.smallStale = true;
  leave(matrix);
  schedule(matrix, true);
}

function fillLegend(matrix) {
  matrix.legend.replaceChildren(...matrix.header.classes.map((name, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = `${name}: select; Ctrl adds, Alt removes`;
    const [swatch, label, tally] = ["i", "span", "span"].map((tag) => document.createElement(tag));
    swatch.style.background = matrix.header.colors[number];
    label.className = "name";
    label.textContent = name;
    tally.className = "tally";
    button.append(swatch, label, tally);
    button.addEventListener("click", (event) => {
      select(matrix, matrix.classes.map((other) => Number(other === number)), howOf(event));
    });
    return button;
  }));
}

/** Shows a selection, whoever made it. */
export function choose(matrix, chosen) {
  matrix.chosen = chosen;
  arrange(matrix);
  matrix.counts = countClasses(matrix.classes, chosen, matrix.header.classes.length);
  matrix.counts.forEach((count, i) => {
    matrix.legend.children[i].querySelector(".tally").textContent = ` ${count.chosen} / ${count.all}`;
  });
  const all = chosen.reduce((sum, flag) => sum + flag, 0);
  matrix.root.dataset.selected = all;
  matrix.root.querySelector(".count").textContent = `${all} of ${chosen.length} samples selected`;
  schedule(matrix, true);
}

function arrange(matrix) {
  const { order, others } = drawOrder(matrix.random, matrix.sampleOf, matrix.chosen);
  matrix.painter.arrange(order, others);
  matrix.smallStale = true;
}

/** Tell linked instances of a selection or a view. */
function follow(matrix, what) {
  const { group, samples } = matrix.header;
  document.dispatchEvent(new CustomEvent(LINK, { detail: { from: matrix.root, group, samples, ...what } }));
}

/** What a gesture does: linked instances and Python are told first, as drawing may take a while. */
export function select(matrix, hit, how) {
  const chosen = combine(matrix.chosen, hit, how);
  if (chosen.every((flag, i) => flag === matrix.chosen[i])) return;
  const text = flagsToText(chosen);
  matrix.pending.push(text);
  matrix.send("selected", text);
  follow(matrix, { text });
  choose(matrix, chosen);
  matrix.live.textContent = matrix.root.querySelector(".count").textContent;
}

export function howOf(event) {
  if (event.altKey) return "remove";
  return event.ctrlKey || event.metaKey ? "add" : "replace";
}

export function clear(matrix) {
  select(matrix, new Uint8Array(matrix.chosen.length), "replace");
}

/** What decides whether a drawing still fits its place. */
export function sizeOf({ stage }) {
  return [stage.clientWidth, stage.clientHeight, window.devicePixelRatio].join();
}

function measure(matrix) {
  const { stage, root, header, shape, canvases } = matrix;
  const former = matrix.plot;
  const density = window.devicePixelRatio || 1;
  // No higher than the plots need at this width.
  header.height = Math.min(matrix.tallest, neededHeight(stage.clientWidth, shape));
  stage.style.height = `${header.height}px`;
  const plot = measurePlot(stage.clientWidth, header.height);
  const style = getComputedStyle(root);
  const color = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const colors = {
    ink: style.color, paper: color("--st-background-color", "#ffffff"),
    line: color("--st-border-color", "#cccccc"), accent: color("--st-primary-color", "#ff4b4b"),
  };
  if (matrix.wanted && (former.width !== plot.width || former.height !== plot.height)) {
    matrix.wanted = viewAbout(...viewCentre(matrix.wanted, former), matrix.wanted.k, plot);
  }
  const view = matrix.wanted ? clampView(matrix.wanted, shape, plot) : fitView(shape, plot);
  Object.assign(matrix, { density, plot, colors, view, drawn: sizeOf(matrix) });
  const { points } = canvases;
  const [width, height] = [plot.width, plot.height].map((side) => Math.round(side * density));
  if (points.width !== width || points.height !== height) Object.assign(points, { width, height });
  Object.assign(points.style, {
    left: `${plot.left}px`, top: `${plot.top}px`, width: `${plot.width}px`, height: `${plot.height}px`,
  });
}

/** Draws all but what follows the pointer; while something changes, only as many points as there is time for. */
export function draw(matrix, moving = false) {
  const { stage, root, header, shape, canvases } = matrix;
  if (!stage.clientWidth) return;
  cancelAnimationFrame(matrix.asked);
  matrix.asked = null;
  measure(matrix);
  const share = moving && matrix.fullFrame > SMOOTH ? SMOOTH / matrix.fullFrame : 1;
  if (matrix.smallStale && share === 1) paintOverview(matrix);
  const { view, plot, density } = matrix;
  const shown = visibleCells(view, shape, plot);
  const size = Number(matrix.sizeInput.value) * Math.max(1, Math.min(3, Math.sqrt(view.k / 120)));
  const started = performance.now();
  const opacity = Number(matrix.opacityInput.value);
  const cells = dimensionsOf(matrix, shown);
  matrix.painter.draw({ view, density, size, opacity, share, cells, chosenOnly: matrix.dense });
  const darkest = drawDensity(penOf(canvases.density, stage.clientWidth, header.height, density), matrix, cells);
  root.querySelector(".note").textContent = `${darkest} ${matrix.lost}`.trim();
  const frame = performance.now() - started;
  if (share === 1) matrix.fullFrame = frame;
  drawAxes(penOf(canvases.axes, stage.clientWidth, header.height, density), matrix);
  drawOverview(matrix);
  mark(matrix);
  clearTimeout(matrix.settling);
  if (share < 1) matrix.settling = setTimeout(() => schedule(matrix), SETTLED);
  Object.assign(root.dataset, {
    ready: header.version, cells: shown.length, dense: Number(matrix.dense),
    angles: matrix.cloud ? [matrix.cloud.turn, matrix.cloud.tilt].map(Math.round).join() : "",
    frame: frame.toFixed(1), view: [view.x, view.y, view.k].join(),
    plot: [plot.left, plot.top, plot.width, plot.height, MARGIN].join(),
  });
}

/** The overview is painted where the plots are, and taken from there before they are. */
function paintOverview(matrix) {
  const { shape, small, density, painter, points } = matrix;
  const { scale, width, height } = overviewSize(shape);
  const view = { x: 0, y: 0, k: scale };
  const cells = dimensionsOf(matrix, visibleCells(view, shape, { width, height }));
  painter.draw({ view, density, size: 1, cells, share: Math.min(1, OVERVIEW_POINTS / cells.length / points.count) });
  const sizes = [width * density, height * density];
  penOf(small, ...sizes, 1).drawImage(matrix.canvases.points, 0, 0, ...sizes, 0, 0, ...sizes);
  matrix.smallStale = false;
}

function dimensionsOf({ header }, cells) {
  return cells.map(([row, column]) => {
    const [x, y] = [header.columns[column], header.rows[row]];
    return { row, column, x, y: x === y ? -1 : y };
  });
}

/** Draws in the next frame, however often it is asked to before. */
export function schedule(matrix, moving = false) {
  matrix.moving = moving;
  matrix.asked ??= requestAnimationFrame(() => {
    matrix.asked = null; // also where a hidden stage is not drawn
    draw(matrix, matrix.moving);
  });
}

/** Draws what follows the pointer. */
export function mark(matrix) {
  const { canvases, stage, header, density, view } = matrix;
  if (view) drawMarks(penOf(canvases.marks, stage.clientWidth, header.height, density), matrix);
}

/** Linked instances follow; `told` is false for those. */
export function lookAt(matrix, view, told = true) {
  if (told) follow(matrix, { view });
  matrix.view = matrix.wanted = clampView(view, matrix.shape, matrix.plot);
  matrix.cell = null;
  leave(matrix);
  schedule(matrix, true);
}

export function showAll(matrix, told = true) {
  if (told) follow(matrix, { fit: true });
  Object.assign(matrix, { wanted: null, cell: null });
  leave(matrix);
  schedule(matrix);
}

/** The pointer is on no point any more. */
export function leave(matrix) {
  clearTimeout(matrix.waiting);
  matrix.hovered = -1;
  matrix.card.hidden = true;
  matrix.root.dataset.hover = "";
}
