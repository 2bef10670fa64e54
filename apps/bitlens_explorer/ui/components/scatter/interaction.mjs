// What hands do to a scatter-plot matrix: pointer, wheel, keys and buttons.

import {
  cellAtPixel, fromPixel, MARGIN, nearestPoint, overviewMark, panBy, samplesInside, toUnit, viewAbout, viewCentre,
  zoomAbout,
} from "./points.mjs";
import { draggedAngles, steppedAngles } from "./cloud.mjs";
import { composePicture, describePoint, focusedCell, overviewSize, showCard, unitsOf } from "./marks.mjs";
import { clear, draw, howOf, leave, lookAt, mark, schedule, select, showAll, turnCloud } from "./state.mjs";

const CARD_DELAY = 125;
const NEAREST = [8, 14]; // pixels about the pointer within which a point is found: fewer for small points
const LASSO_STEP = 3;
const CLICK = 4; // a press that moved by fewer pixels is a click
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const ZOOMS = { "+": 1.25, "=": 1.25, "-": 0.8 };

export function listenToTools(matrix) {
  const { root } = matrix;
  const modes = [...root.querySelectorAll("[data-mode]")].filter((part) => part.matches("button"));
  for (const button of modes) {
    button.addEventListener("click", () => {
      matrix.mode = matrix.canvases.marks.dataset.mode = button.dataset.mode;
      modes.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    });
  }
  const acts = { clear, fit: showAll, save: savePicture };
  for (const [name, act] of Object.entries(acts)) {
    root.querySelector(`[data-act=${name}]`).addEventListener("click", () => act(matrix));
  }
  const density = root.querySelector(".density-button");
  density.addEventListener("click", () => {
    matrix.dense = !matrix.dense;
    density.setAttribute("aria-pressed", String(matrix.dense));
    schedule(matrix);
  });
  for (const input of [matrix.sizeInput, matrix.opacityInput]) {
    input.addEventListener("input", () => schedule(matrix, true));
    input.addEventListener("change", () => schedule(matrix));
  }
}

export function listenToKeys(matrix) {
  matrix.stage.addEventListener("keydown", (event) => press(matrix, event));
  for (const name of ["focus", "blur"]) matrix.stage.addEventListener(name, () => mark(matrix));
}

export function listenToPointer(matrix) {
  const { marks } = matrix.canvases;
  marks.addEventListener("pointerdown", (event) => pressDown(matrix, event));
  marks.addEventListener("pointermove", (event) => (matrix.drag ? dragOn(matrix, event) : hover(matrix, event)));
  marks.addEventListener("pointerup", (event) => letGo(matrix, event));
  marks.addEventListener("pointercancel", () => dropDrag(matrix));
  marks.addEventListener("pointerenter", () => {
    if (getComputedStyle(matrix.root).color !== matrix.colors.ink) schedule(matrix); // another theme was chosen
  });
  marks.addEventListener("pointerleave", () => {
    leave(matrix);
    mark(matrix);
  });
  marks.addEventListener("dblclick", (event) => {
    open(matrix, cellAtPixel(matrix.view, pixelOf(matrix, event), matrix.shape));
  });
  marks.addEventListener("wheel", (event) => {
    event.preventDefault();
    lookAt(matrix, zoomAbout(matrix.view, pixelOf(matrix, event), wheelFactor(event)));
  }, { passive: false });
}

/** The view's box is dragged from where it was taken; elsewhere it comes to the pointer first. */
export function listenToOverview(matrix) {
  const { overview } = matrix;
  let held = null;
  const at = (event) => {
    const { scale } = overviewSize(matrix.shape);
    const frame = overview.getBoundingClientRect();
    const edge = overview.clientLeft;
    return [(event.clientX - frame.left - edge) / scale, (event.clientY - frame.top - edge) / scale];
  };
  const move = (event) => {
    const [x, y] = at(event);
    lookAt(matrix, viewAbout(x - held[0], y - held[1], matrix.view.k, matrix.plot));
  };
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    const [x, y] = at(event);
    const { box } = overviewMark(matrix.view, matrix.plot, 1);
    const inside = box && x >= box[0] && x <= box[0] + box[2] && y >= box[1] && y <= box[1] + box[3];
    const [centreX, centreY] = viewCentre(matrix.view, matrix.plot);
    held = inside ? [x - centreX, y - centreY] : [0, 0];
    move(event);
  });
  overview.addEventListener("pointermove", (event) => { if (held) move(event); });
  for (const name of ["pointerup", "pointercancel"]) overview.addEventListener(name, () => { held = null; });
  overview.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomMiddle(matrix, wheelFactor(event));
  }, { passive: false });
}

function wheelFactor(event) {
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1);
  return Math.exp(-0.0015 * Math.max(-400, Math.min(400, pixels)));
}

function zoomMiddle(matrix, factor) {
  lookAt(matrix, zoomAbout(matrix.view, [matrix.plot.width / 2, matrix.plot.height / 2], factor));
}

/** Where an event was, in pixels of the plots. */
function pixelOf({ canvases, plot }, event) {
  const frame = canvases.marks.getBoundingClientRect();
  return [event.clientX - frame.left - plot.left, event.clientY - frame.top - plot.top];
}

/** The point under the pointer, or -1. */
function pointAt(matrix, pixel) {
  const { view, shape, sizeInput } = matrix;
  const cell = cellAtPixel(view, pixel, shape);
  if (!cell) return -1;
  const [x, y] = fromPixel(view, pixel);
  const radius = Math.max(NEAREST[0], Math.min(NEAREST[1], 2 * Number(sizeInput.value)));
  return nearestPoint(...unitsOf(matrix, ...cell), toUnit(...cell, x, y), radius / view.k / (1 - 2 * MARGIN));
}

function hover(matrix, event) {
  const pixel = pixelOf(matrix, event);
  const point = pointAt(matrix, pixel);
  if (point === matrix.hovered) return;
  leave(matrix);
  matrix.hovered = point;
  mark(matrix);
  if (point < 0) return;
  matrix.root.dataset.hover = matrix.sampleOf[point];
  const cell = cellAtPixel(matrix.view, pixel, matrix.shape);
  matrix.waiting = setTimeout(() => {
    showCard(matrix, point, cell);
    matrix.live.textContent = describePoint(matrix, point, cell);
  }, CARD_DELAY);
}

function pressDown(matrix, event) {
  if (event.button > 1) return;
  if (event.button === 1) event.preventDefault(); // it would scroll
  matrix.canvases.marks.setPointerCapture(event.pointerId);
  leave(matrix);
  const start = pixelOf(matrix, event);
  const mode = matrix.mode === "turn" && !matrix.cloud ? "lasso" : matrix.mode;
  const kind = event.button === 1 || event.shiftKey ? "pan" : mode;
  const path = kind === "lasso" || kind === "box" ? [start] : null;
  matrix.drag = { kind, start, view: matrix.view, cloud: { ...matrix.cloud }, path, moved: false };
}

function dragOn(matrix, event) {
  const { drag } = matrix;
  const pixel = pixelOf(matrix, event);
  const [right, down] = [pixel[0] - drag.start[0], pixel[1] - drag.start[1]];
  drag.moved ||= Math.hypot(right, down) > CLICK;
  if (!drag.moved) return;
  if (drag.kind === "pan") {
    lookAt(matrix, panBy(drag.view, right, down));
    return;
  }
  if (drag.kind === "turn") {
    turnCloud(matrix, draggedAngles(drag.cloud, right, down, matrix.plot.width));
    return;
  }
  const [endX, endY] = drag.path.at(-1);
  if (drag.kind === "box") drag.path = [drag.start, [pixel[0], drag.start[1]], pixel, [drag.start[0], pixel[1]]];
  else if (Math.hypot(pixel[0] - endX, pixel[1] - endY) >= LASSO_STEP) drag.path.push(pixel);
  mark(matrix);
}

function letGo(matrix, event) {
  const { drag } = matrix;
  if (!drag) return;
  dropDrag(matrix);
  if (!drag.moved) pickPoint(matrix, event);
  else if (drag.path) pickInside(matrix, drag.path, howOf(event));
}

function dropDrag(matrix) {
  matrix.drag = null;
  mark(matrix);
}

function pickPoint(matrix, event) {
  const pixel = pixelOf(matrix, event);
  matrix.cell = cellAtPixel(matrix.view, pixel, matrix.shape);
  mark(matrix);
  const point = pointAt(matrix, pixel);
  if (point < 0) return;
  const sample = matrix.sampleOf[point];
  const how = howOf(event);
  const hit = new Uint8Array(matrix.chosen.length);
  hit[sample] = 1;
  select(matrix, hit, how === "add" && matrix.chosen[sample] ? "remove" : how);
}

/** A lasso is about the plot that it began in, wherever else it went. */
function pickInside(matrix, path, how) {
  const { view, shape, sampleOf, chosen } = matrix;
  const cell = path.map((pixel) => cellAtPixel(view, pixel, shape)).find(Boolean);
  if (!cell) return;
  matrix.cell = cell;
  mark(matrix);
  const polygon = path.map((pixel) => toUnit(...cell, ...fromPixel(view, pixel)));
  select(matrix, samplesInside(...unitsOf(matrix, ...cell), polygon, sampleOf, chosen.length), how);
}

function open(matrix, cell) {
  if (cell) matrix.send("opened", [matrix.header.rows[cell[0]], matrix.header.columns[cell[1]]]);
}

function press(matrix, event) {
  const { key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Escape" && matrix.drag) dropDrag(matrix);
  else if (key === "Escape") clear(matrix);
  else if (key === "Home") showAll(matrix);
  else if (key === "Enter") open(matrix, focusedCell(matrix));
  else if (key in ZOOMS) zoomMiddle(matrix, ZOOMS[key]);
  else if (key in ARROWS && matrix.cloud && !event.shiftKey) stepAngles(matrix, ARROWS[key]);
  else if (key in ARROWS) step(matrix, ARROWS[key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Moves the view by a plot, or by less of a plot seen from near, and says which plot is in the middle. */
function step(matrix, [right, down]) {
  const { view, plot, header } = matrix;
  const length = Math.min(view.k, 0.15 * Math.min(plot.width, plot.height));
  lookAt(matrix, panBy(view, right * length, down * length));
  const [row, column] = focusedCell(matrix);
  matrix.live.textContent = `${header.names[header.rows[row]]} by ${header.names[header.columns[column]]}`;
}

/** Turns a cloud by an arrow key. */
function stepAngles(matrix, arrow) {
  turnCloud(matrix, steppedAngles(matrix.cloud, arrow));
  const [turn, tilt] = [matrix.cloud.turn, matrix.cloud.tilt].map(Math.round);
  matrix.live.textContent = `turned by ${turn} degrees, tilted by ${tilt} degrees`;
}

function savePicture(matrix) {
  draw(matrix); // WebGL keeps its picture only until the browser shows it
  composePicture(matrix).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = matrix.header.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}
