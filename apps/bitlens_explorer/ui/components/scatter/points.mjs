// Arithmetic of the scatter-plot matrix that does not need a browser, so that tests can run it.
//
// Three kinds of coordinates: "unit" (0 to 1 along a dimension, upwards), "matrix" (in cells from the top left corner
// of the matrix, so that cell [2, 5] reaches from 5 to 6 across and from 2 to 3 down) and pixels of the plot. A view
// {x, y, k} says which matrix coordinates lie at the plot's top left corner and how many pixels a cell has.

/** The part of a cell that stays clear on each side of its points. */
export const MARGIN = 0.04;
/** The class number of points without a class. */
export const NO_CLASS = 255;
const SMALLEST_BOX = 6;
const DEEPEST = 40;
const TYPES = { f4: Float32Array, u1: Uint8Array, i4: Int32Array, i2: Int16Array };

/** Header and arrays of a payload (see scatter.py); the arrays are copies, as their place may not suit their type. */
export function parsePayload(bytes) {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const arrays = {};
  let start = 4 + length;
  for (const [name, type, count] of header.arrays) {
    const size = count * TYPES[type].BYTES_PER_ELEMENT;
    arrays[name] = new TYPES[type](bytes.slice(start, start + size).buffer);
    start += Math.ceil(size / 4) * 4;
  }
  return { header, arrays };
}

/** Flags as base64 text of a bit set, the lowest bit first. */
export function flagsToText(flags) {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => { if (flag) bytes[i >> 3] |= 1 << (i & 7); });
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

export function textToFlags(text, count) {
  const bytes = atob(text);
  return Uint8Array.from({ length: count }, (_, i) => (bytes.charCodeAt(i >> 3) >> (i & 7)) & 1);
}

/** Flags after a gesture that hit some samples: "replace", "add" or "remove". */
export function combine(flags, hit, how) {
  return flags.map((flag, i) => (how === "replace" ? hit[i] : how === "add" ? flag | hit[i] : flag & ~hit[i] & 1));
}

/**
 * Whether Python's selection is to be shown. `pending` holds the own selections that it has not answered, oldest first:
 * an answer to a former one, or the same as `last` while one is under way, would take back what was just chosen.
 */
export function settle(pending, last, told) {
  const at = pending.indexOf(told);
  if (at >= 0) return { pending: pending.slice(at + 1), adopt: at === pending.length - 1 };
  if (told === last) return { pending, adopt: false };
  return { pending: [], adopt: true };
}

/** The numbers 0 to count - 1 in an order that looks random but is always the same: no class lies on top. */
export function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = 12345;
  for (let i = count - 1; i > 0; i -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

/** Points in the order drawn, those of chosen samples last, and how many come before these. */
export function drawOrder(order, sampleOf, chosen) {
  const others = order.filter((point) => !chosen[sampleOf[point]]);
  const sorted = new Uint32Array(order.length);
  sorted.set(others);
  sorted.set(order.filter((point) => chosen[sampleOf[point]]), others.length);
  return { order: sorted, others: others.length };
}

/** The class of every sample, from those of its points. */
export function classOfSamples(classOf, sampleOf, samples) {
  const classes = new Uint8Array(samples).fill(NO_CLASS);
  sampleOf.forEach((sample, point) => { classes[sample] = classOf[point]; });
  return classes;
}

/** How many samples each class has, and how many of them are chosen. */
export function countClasses(classes, chosen, count) {
  const counts = Array.from({ length: count }, () => ({ all: 0, chosen: 0 }));
  classes.forEach((number, sample) => {
    if (number >= count) return;
    counts[number].all += 1;
    counts[number].chosen += chosen[sample];
  });
  return counts;
}

/** Heights, in units, in a one-dimensional dot plot: a lane a class, the first on top, with points spread in it. */
export function dotHeights(classOf, classes) {
  const lanes = Math.max(1, classes);
  const order = shuffled(classOf.length);
  return Float32Array.from(classOf, (number, point) => {
    const lane = Math.min(number, lanes - 1);
    return 1 - (lane + 0.2 + (0.6 * (order[point] + 0.5)) / classOf.length) / lanes;
  });
}

export function toMatrix(row, column, across, up) {
  return [column + MARGIN + across * (1 - 2 * MARGIN), row + 1 - MARGIN - up * (1 - 2 * MARGIN)];
}

/** The unit coordinates [across, up] in a cell. */
export function toUnit(row, column, x, y) {
  return [(x - column - MARGIN) / (1 - 2 * MARGIN), (row + 1 - MARGIN - y) / (1 - 2 * MARGIN)];
}

export function toPixel(view, [x, y]) {
  return [(x - view.x) * view.k, (y - view.y) * view.k];
}

export function fromPixel(view, [left, top]) {
  return [left / view.k + view.x, top / view.k + view.y];
}

/** The cell [row, column] at a pixel of the plot, or null outside the matrix. */
export function cellAtPixel(view, pixel, shape) {
  const [column, row] = fromPixel(view, pixel).map(Math.floor);
  return row >= 0 && row < shape.rows && column >= 0 && column < shape.columns ? [row, column] : null;
}

/** The view that shows the whole matrix in the middle of a plot. */
export function fitView(shape, plot) {
  const k = Math.min(plot.width / shape.columns, plot.height / shape.rows);
  return { x: (shape.columns - plot.width / k) / 2, y: (shape.rows - plot.height / k) / 2, k };
}

/** The nearest view that has its centre on the matrix, and is not too near or too far. */
export function clampView(view, shape, plot) {
  const within = (value, low, high) => Math.max(low, Math.min(high, value));
  const k = within(view.k, fitView(shape, plot).k / 2, DEEPEST * Math.max(plot.width, plot.height));
  const [x, y] = viewCentre(view, plot);
  return viewAbout(within(x, 0, shape.columns), within(y, 0, shape.rows), k, plot);
}

export function viewCentre(view, plot) {
  return fromPixel(view, [plot.width / 2, plot.height / 2]);
}

/** A view with given matrix coordinates at its centre. */
export function viewAbout(x, y, k, plot) {
  return { x: x - plot.width / 2 / k, y: y - plot.height / 2 / k, k };
}

/** The view `factor` times as near, with the same matrix coordinates under a pixel. */
export function zoomAbout(view, pixel, factor) {
  const [x, y] = fromPixel(view, pixel);
  const k = view.k * factor;
  return { x: x - pixel[0] / k, y: y - pixel[1] / k, k };
}

/** The view after its content was moved by some pixels. */
export function panBy(view, right, down) {
  return { ...view, x: view.x - right / view.k, y: view.y - down / view.k };
}

/** The cells [row, column] that a plot shows, row by row. */
export function visibleCells(view, shape, plot) {
  const span = (start, length, count) => {
    const first = Math.max(0, Math.floor(start));
    const end = Math.min(count, Math.ceil(start + length / view.k));
    return Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
  };
  const columns = span(view.x, plot.width, shape.columns);
  return span(view.y, plot.height, shape.rows).flatMap((row) => columns.map((column) => [row, column]));
}

/** What marks the view on an overview of `scale` pixels a cell: a box, or a cross-hair where a box would be a speck. */
export function overviewMark(view, plot, scale) {
  const [left, top] = [view.x * scale, view.y * scale];
  const [width, height] = [(plot.width / view.k) * scale, (plot.height / view.k) * scale];
  if (Math.min(width, height) < SMALLEST_BOX) return { cross: [left + width / 2, top + height / 2] };
  return { box: [left, top, width, height] };
}

/** Round numbers from low to high, `most` + 1 of them at most. */
export function tickNumbers(low, high, most) {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * (1 - 1e-9));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A tick's number, short. */
export function tickText(value) {
  const size = Math.abs(value);
  return value === 0 || (size >= 1e-3 && size < 1e5) ? String(value) : value.toExponential();
}

/** Whether a point lies in a polygon [[x, y], ...], by the even-odd rule. */
export function inPolygon(x, y, polygon) {
  let inside = false;
  polygon.forEach(([endX, endY], i) => {
    const [startX, startY] = polygon.at(i - 1);
    if (endY > y !== startY > y && x < ((startX - endX) * (y - endY)) / (startY - endY) + endX) inside = !inside;
  });
  return inside;
}

/** Flags of the samples that have a point in a polygon; coordinates are units. */
export function samplesInside(across, up, polygon, sampleOf, samples) {
  const hit = new Uint8Array(samples);
  const [left, right] = [0, 1].map((end) => Math[end ? "max" : "min"](...polygon.map(([x]) => x)));
  const [bottom, top] = [0, 1].map((end) => Math[end ? "max" : "min"](...polygon.map(([, y]) => y)));
  for (let i = 0; i < across.length; i += 1) {
    const [x, y] = [across[i], up[i]];
    if (x >= left && x <= right && y >= bottom && y <= top && inPolygon(x, y, polygon)) hit[sampleOf[i]] = 1;
  }
  return hit;
}

/** The number of the point nearest to unit coordinates [x, y], or -1 if none is within `radius` units. */
export function nearestPoint(across, up, [x, y], radius) {
  let [best, least] = [-1, radius * radius];
  for (let i = 0; i < across.length; i += 1) {
    const distance = (across[i] - x) ** 2 + (up[i] - y) ** 2;
    if (distance <= least) [best, least] = [i, distance];
  }
  return best;
}

/** The place of a card next to a point: right or left, else above or below it, and always inside `frame`. */
export function placeCard([x, y], card, frame, gap) {
  const middle = (at, size, room) => Math.max(0, Math.min(room - size, at - size / 2));
  const top = middle(y, card.height, frame.height);
  if (x + gap + card.width <= frame.width) return [x + gap, top];
  if (x - gap - card.width >= 0) return [x - gap - card.width, top];
  const below = y + gap + card.height <= frame.height;
  return [middle(x, card.width, frame.width), below ? y + gap : y - gap - card.height];
}

/** How much a tile is enlarged to fill `side` pixels: by a whole number, so that its pixels stay alike. */
export function tileScale([height, width], side) {
  const scale = side / Math.max(height, width);
  return scale >= 1 ? Math.floor(scale) : scale;
}
