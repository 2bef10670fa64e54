// Drawings over and next to the points of the scatter-plot matrix: rings, lasso, overview, card and saved picture.
// All of it is drawn from the instance that scatter.mjs keeps; nothing is decided here.

import { formatValue, shorten } from "../shared/cells.mjs";
import { binShade, countBins } from "./cloud.mjs";
import {
  cellAtPixel, MARGIN, NO_CLASS, overviewMark, placeCard, tileScale, toMatrix, toPixel, viewCentre, visibleCells,
} from "./points.mjs";

const FONT = "12px sans-serif";
const PICTURE = 112;
const OVERVIEW = 180;
const LEGEND_WIDTH = 230;
const BIN = 5; // pixels of a square of the density
const MOST_BINS = 120;

/** The place of the plots in a stage: unit, names and numbers are around them. */
export function measurePlot(width, height) {
  return { left: 84, top: 8, width: Math.max(60, width - 84 - 14), height: Math.max(60, height - 8 - 54) };
}

/** The height of a stage in which the plots fill its width. */
export function neededHeight(width, { rows, columns }) {
  const plot = measurePlot(width, 0);
  return Math.ceil((plot.width * rows) / columns) + 8 + 54;
}

/** Gives a canvas its size, and a pen in CSS pixels on it, wiped. */
export function penOf(canvas, width, height, density) {
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = FONT;
  return pen;
}

/** How many points lie where, as squares in place of the points; what the darkest one means, or an empty text. */
export function drawDensity(pen, matrix, cells) {
  if (!matrix.dense) return "";
  const { view, plot, colors } = matrix;
  const inner = view.k * (1 - 2 * MARGIN);
  const bins = Math.max(8, Math.min(MOST_BINS, Math.round(inner / BIN)));
  const counted = cells.map(({ row, column }) => [row, column, countBins(...unitsOf(matrix, row, column), bins)]);
  const most = Math.max(1, ...counted.map(([, , counts]) => counts.reduce((a, b) => Math.max(a, b), 0)));
  pen.save();
  pen.translate(plot.left, plot.top);
  pen.beginPath();
  pen.rect(0, 0, plot.width, plot.height);
  pen.clip();
  pen.fillStyle = colors.ink;
  const side = inner / bins;
  for (const [row, column, counts] of counted) {
    const [left, top] = toPixel(view, toMatrix(row, column, 0, 1));
    counts.forEach((count, i) => {
      if (!count) return;
      pen.globalAlpha = binShade(count, most);
      pen.fillRect(left + (i % bins) * side, top + Math.floor(i / bins) * side, side, side);
    });
  }
  pen.restore();
  return `Density: the strongest square has ${most} points, on a logarithmic scale. Selected points are drawn over it.`;
}

/** The cell that Enter opens, rings about the point under the pointer, and the lasso being drawn. */
export function drawMarks(pen, matrix) {
  const { view, plot, shape, colors, hovered, drag } = matrix;
  pen.save();
  pen.translate(plot.left, plot.top);
  pen.beginPath();
  pen.rect(-1, -1, plot.width + 2, plot.height + 2);
  pen.clip();
  const focused = focusedCell(matrix);
  if (matrix.stage.matches(":focus")) {
    pen.strokeStyle = colors.accent;
    pen.lineWidth = 2;
    pen.strokeRect(...toPixel(view, [focused[1], focused[0]]), view.k, view.k);
  }
  for (const [row, column] of hovered < 0 ? [] : visibleCells(view, shape, plot)) {
    const [across, up] = unitsOf(matrix, row, column);
    const [x, y] = toPixel(view, toMatrix(row, column, across[hovered], up[hovered]));
    for (const [color, width] of [[colors.paper, 4], [colors.ink, 2]]) {
      pen.strokeStyle = color;
      pen.lineWidth = width;
      pen.beginPath();
      pen.arc(x, y, 5, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
  if (drag?.moved && drag.path) {
    pen.strokeStyle = pen.fillStyle = colors.accent;
    pen.lineWidth = 1.5;
    pen.beginPath();
    drag.path.forEach((pixel) => pen.lineTo(...pixel));
    pen.closePath();
    pen.stroke();
    pen.globalAlpha = 0.12;
    pen.fill();
  }
  pen.restore();
}

/** The cell that was clicked, or else that in the middle. */
export function focusedCell({ cell, view, plot, shape }) {
  if (cell) return cell;
  const [x, y] = viewCentre(view, plot);
  const inside = [Math.min(x, shape.columns - 1e-6), Math.min(y, shape.rows - 1e-6)];
  return cellAtPixel(view, toPixel(view, inside), shape);
}

/** The unit coordinates [across, up] of all points in a cell. */
export function unitsOf({ header, points }, row, column) {
  const [x, y] = [header.columns[column], header.rows[row]];
  const of = (dimension) => points.values.subarray(points.count * dimension, points.count * (dimension + 1));
  return [of(x), x === y ? points.dots : of(y)];
}

/** Size of the overview: `scale` pixels a cell. */
export function overviewSize({ rows, columns }) {
  const scale = OVERVIEW / Math.max(rows, columns);
  return { scale, width: scale * columns, height: scale * rows };
}

export function drawOverview(matrix) {
  const { view, plot, shape, small, overview, colors, density } = matrix;
  const { scale, width, height } = overviewSize(shape);
  const pen = penOf(overview, width, height, density);
  pen.drawImage(small, 0, 0, width, height);
  const { box, cross } = overviewMark(view, plot, scale);
  for (const [color, line] of [[colors.paper, 4], [colors.accent, 2]]) {
    pen.strokeStyle = color;
    pen.lineWidth = line;
    pen.beginPath();
    if (cross) {
      pen.moveTo(cross[0], 0);
      pen.lineTo(cross[0], height);
      pen.moveTo(0, cross[1]);
      pen.lineTo(width, cross[1]);
    } else {
      const [left, top] = [Math.max(1, box[0]), Math.max(1, box[1])];
      pen.rect(left, top, Math.min(width - 1, box[0] + box[2]) - left, Math.min(height - 1, box[1] + box[3]) - top);
    }
    pen.stroke();
  }
}

/** A point as text: its image, class and values, for card and screen reader. */
export function describePoint({ header, points, classOf, sampleOf, cloud }, point, [row, column]) {
  const number = classOf[point];
  const { names, low, high, units } = cloud ?? { ...header, units: points.values };
  const value = (dimension) => {
    const span = high[dimension] - low[dimension];
    const number = low[dimension] + (span > 0 ? units[points.count * dimension + point] * span : 0);
    return `${names[dimension]}: ${formatValue(number)} ${header.unit}`;
  };
  const dimensions = cloud ? [0, 1, 2] : [...new Set([header.columns[column], header.rows[row]])];
  const name = number === NO_CLASS ? "no class" : `class ${header.classes[number]}`;
  const predicted = header.predicted?.[sampleOf[point]];
  const guess = predicted === undefined ? "" : `, predicted ${header.classes[predicted] ?? predicted}`;
  return [`sample ${sampleOf[point]}, ${name}${guess}`, ...dimensions.map(value)].join("\n");
}

/** Fills the card with the image and text of a point, and puts it next to the point. */
export function showCard(matrix, point, cell) {
  const { card, header, view, plot, stage, atlas } = matrix;
  const picture = card.querySelector("canvas");
  picture.hidden = !atlas;
  if (atlas) drawTile(picture, matrix, point);
  card.querySelector("p").textContent = describePoint(matrix, point, cell);
  card.hidden = false;
  const [across, up] = unitsOf(matrix, ...cell);
  const [x, y] = toPixel(view, toMatrix(...cell, across[point], up[point]));
  const size = { width: card.offsetWidth, height: card.offsetHeight };
  const frame = { width: stage.clientWidth, height: header.height };
  const [left, top] = placeCard([x + plot.left, y + plot.top], size, frame, 16);
  card.style.left = `${left}px`;
  card.style.top = `${top}px`;
}

function drawTile(picture, { header, atlas, boxes, sampleOf }, point) {
  const [height, width] = header.tile;
  const scale = tileScale(header.tile, PICTURE);
  [picture.width, picture.height] = [width * scale, height * scale];
  const pen = picture.getContext("2d");
  pen.imageSmoothingEnabled = scale < 1;
  const [row, column] = [Math.floor(sampleOf[point] / header.atlas_columns), sampleOf[point] % header.atlas_columns];
  pen.drawImage(atlas, column * width, row * height, width, height, 0, 0, picture.width, picture.height);
  if (!boxes) return;
  const [top, bottom, left, right] = boxes.subarray(4 * point, 4 * point + 4);
  for (const [color, line] of [["#000000", 4], ["#ffd400", 2]]) {
    pen.strokeStyle = color;
    pen.lineWidth = line;
    pen.strokeRect(left * scale + 1, top * scale + 1, (right - left) * scale - 2, (bottom - top) * scale - 2);
  }
}

/** The plots with title, axes and legend, on one canvas. */
export function composePicture({ header, plot, stage, canvases, colors, density, counts }) {
  const picture = document.createElement("canvas");
  const [width, height] = [stage.clientWidth + LEGEND_WIDTH, Math.max(header.height + 24, 40 + 18 * counts.length)];
  const pen = penOf(picture, width, height, density);
  pen.fillStyle = colors.paper;
  pen.fillRect(0, 0, width, height);
  pen.drawImage(canvases.density, 0, 24, stage.clientWidth, header.height);
  pen.drawImage(canvases.points, plot.left, plot.top + 24, plot.width, plot.height);
  pen.drawImage(canvases.axes, 0, 24, stage.clientWidth, header.height);
  pen.textBaseline = "middle";
  pen.fillStyle = colors.ink;
  pen.fillText(header.title, 8, 13, width - 16);
  counts.forEach(({ chosen, all }, i) => {
    pen.fillStyle = header.colors[i];
    pen.fillRect(stage.clientWidth, 35 + 18 * i, 10, 10);
    pen.fillStyle = colors.ink;
    pen.fillText(`${shorten(header.classes[i], 18)}  ${chosen} / ${all}`, stage.clientWidth + 16, 40 + 18 * i);
  });
  return picture;
}
