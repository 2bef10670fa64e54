// The axes of the scatter-plot matrix: frames and names of the plots, and names, numbers and unit along the edges.

import { shorten, tickStep } from "../shared/cells.mjs";
import { tickNumbers, tickText, toMatrix, toPixel, toUnit, visibleCells } from "./points.mjs";

const NAMED = 150; // pixels of a cell that can show the names of both of its dimensions
const EDGE = 12; // pixels that a name may reach beyond the plots
const NARROW = 24; // less of a cell than this has no name
const TICKED = 40; // pixels of a cell that can show numbers at the edge

/** Frames and labels of the cells, names, numbers and unit along the edges. */
export function drawAxes(pen, matrix) {
  const { header, view, plot, shape, colors } = matrix;
  const cells = visibleCells(view, shape, plot);
  pen.save();
  pen.translate(plot.left, plot.top);
  pen.save();
  pen.beginPath();
  pen.rect(-1, -1, plot.width + 2, plot.height + 2);
  pen.clip();
  pen.strokeStyle = colors.line;
  for (const [row, column] of cells) pen.strokeRect(...toPixel(view, [column, row]), view.k, view.k);
  for (const cell of cells) drawCellName(pen, matrix, cell);
  pen.restore();
  pen.fillStyle = pen.strokeStyle = colors.ink;
  const [left, top] = toPixel(view, [0, 0]);
  const [right, bottom] = toPixel(view, [shape.columns, shape.rows]);
  const edges = {
    left: Math.max(0, Math.min(plot.width, left)), top: Math.max(0, Math.min(plot.height, top)),
    right: Math.max(0, Math.min(plot.width, right)), bottom: Math.max(0, Math.min(plot.height, bottom)),
  };
  drawColumns(pen, matrix, [...new Set(cells.map(([, column]) => column))], edges);
  drawRows(pen, matrix, [...new Set(cells.map(([row]) => row))], edges, cells);
  pen.textAlign = "center";
  pen.fillText(header.unit, (edges.left + edges.right) / 2, edges.bottom + 44, plot.width);
  upward(pen, header.unit, edges.left - 76, (edges.top + edges.bottom) / 2, plot.height);
  pen.restore();
}

function drawCellName(pen, { header, view, colors, plot }, [row, column]) {
  const [x, y] = [header.columns[column], header.rows[row]];
  if (view.k < TICKED || (view.k < NAMED && x !== y)) return;
  const [start, above] = toPixel(view, [column, row]);
  const [left, right] = seen(start, view.k, plot.width);
  const room = right - left - 8;
  if (room < NARROW) return;
  const text = x === y ? fitted(pen, header.names[x], room)
    : `${fitted(pen, header.names[y], room / 2 - 8)} × ${fitted(pen, header.names[x], room / 2 - 8)}`;
  pen.lineWidth = 3;
  pen.strokeStyle = colors.paper;
  pen.fillStyle = colors.ink;
  pen.textAlign = "left";
  pen.textBaseline = "top";
  const top = Math.max(0, above) + 4;
  pen.strokeText(text, left + 4, top);
  pen.fillText(text, left + 4, top);
  pen.lineWidth = 1;
}

function drawColumns(pen, { header, view, plot }, columns, { bottom }) {
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const step = view.k < TICKED ? tickStep(columns.length, columns.length * view.k, 56) : 1;
  for (const column of columns.filter((_, i) => i % step === 0)) {
    const [left, right] = seen(toPixel(view, [column, 0])[0], view.k, plot.width);
    if (step === 1 && right - left < NARROW) continue;
    const name = fitted(pen, header.names[header.columns[column]], (right - left) * step - 4);
    const most = plot.width + EDGE - pen.measureText(name).width / 2;
    pen.fillText(name, Math.min((left + right) / 2, most), bottom + (view.k < TICKED ? 12 : 28));
  }
  let free = -Infinity;
  for (const column of view.k < TICKED ? [] : columns) {
    const [left, right] = seen(toPixel(view, [column, 0])[0], view.k, plot.width);
    const ends = [left, right].map((pixel) => toUnit(0, column, pixel / view.k + view.x, 0)[0]);
    for (const [value, unit] of ticks(header, header.columns[column], ends, (right - left) / 30)) {
      const x = toPixel(view, toMatrix(0, column, unit, 0))[0];
      const half = pen.measureText(tickText(value)).width / 2;
      if (x - half < free) continue;
      pen.fillRect(x, bottom, 1, 4);
      pen.fillText(tickText(value), x, bottom + 12);
      free = x + half + 5;
    }
  }
}

function drawRows(pen, { header, view, plot }, rows, { left }, cells) {
  pen.textBaseline = "middle";
  const small = view.k < TICKED;
  const step = small ? tickStep(rows.length, rows.length * view.k, 14) : 1;
  for (const row of rows.filter((_, i) => i % step === 0)) {
    const name = header.names[header.rows[row]];
    const [top, bottom] = seen(toPixel(view, [0, row])[1], view.k, plot.height);
    pen.textAlign = small ? "right" : "center";
    if (small) pen.fillText(fitted(pen, name, 62), left - 5, (top + bottom) / 2, 62);
    else if (bottom - top >= NARROW) {
      upward(pen, fitted(pen, name, bottom - top - 4), left - 59, (top + bottom) / 2, bottom - top);
    }
  }
  pen.textAlign = "right";
  let free = -Infinity;
  for (const row of small ? [] : rows) {
    // The height in a dot plot is not a value, so a row of dot plots only has no numbers.
    if (cells.every((cell) => cell[0] !== row || header.columns[cell[1]] === header.rows[row])) continue;
    const [top, bottom] = seen(toPixel(view, [0, row])[1], view.k, plot.height);
    const ends = [bottom, top].map((pixel) => toUnit(row, 0, 0, pixel / view.k + view.y)[1]);
    for (const [value, unit] of ticks(header, header.rows[row], ends, (bottom - top) / 22).reverse()) {
      const y = toPixel(view, toMatrix(row, 0, 0, unit))[1];
      if (y - 6 < free) continue;
      pen.fillRect(left - 4, y, 4, 1);
      pen.fillText(tickText(value), left - 6, y, 44);
      free = y + 8;
    }
  }
}

/** The visible part of a stretch of pixels. */
function seen(start, length, all) {
  return [Math.max(0, start), Math.min(all, start + length)];
}

/** Text cut to a width. */
function fitted(pen, text, pixels) {
  const { width } = pen.measureText(text);
  return width <= pixels ? text : shorten(text, Math.max(2, Math.floor((Array.from(text).length * pixels) / width)));
}

/** Numbers, each with its place in units, for what is seen of a dimension: units from `start` to `end`. */
function ticks(header, dimension, [start, end], most) {
  const [low, high] = [header.low[dimension], header.high[dimension]];
  if (!(high > low)) return [[low, 0.5]];
  const value = (unit) => low + unit * (high - low);
  return tickNumbers(value(start), value(end), Math.max(1, Math.floor(most)))
    .map((number) => [number, (number - low) / (high - low)]);
}

function upward(pen, text, x, y, room) {
  pen.save();
  pen.translate(x, y);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(text, 0, 0, room);
  pen.restore();
}
