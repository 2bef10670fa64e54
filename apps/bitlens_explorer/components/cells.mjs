// The heat map's arithmetic, without a browser: what tests can run on its own.

/** Float32 numbers from base64 text. */
export function decodeFloats(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Entry 0 to 255 of a palette for a value; -1 for one that is not finite. */
export function colorIndex(value, low, high) {
  if (!Number.isFinite(value)) return -1;
  if (!(high > low)) return 0;
  return Math.max(0, Math.min(255, Math.round((255 * (value - low)) / (high - low))));
}

/** The cell [row, column] at a point of the canvas, or null outside the plot. */
export function cellAt(x, y, plot, rows, columns) {
  const column = Math.floor(((x - plot.left) / plot.width) * columns);
  const row = Math.floor(((y - plot.top) / plot.height) * rows);
  return row >= 0 && row < rows && column >= 0 && column < columns ? [row, column] : null;
}

/** Where a key leads from a cell, or null for other keys. Without a cell, any of them leads to the first. */
export function moveCell(cell, key, rows, columns) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const ends = { Home: 0, End: columns - 1 };
  if (!(key in steps) && !(key in ends)) return null;
  if (!cell) return [0, 0];
  if (key in ends) return [cell[0], ends[key]];
  const clamp = (value, last) => Math.max(0, Math.min(last, value));
  return [clamp(cell[0] + steps[key][0], rows - 1), clamp(cell[1] + steps[key][1], columns - 1)];
}

/** A value in words: whole numbers whole, others with `digits` decimals. */
export function formatValue(value, digits = 3) {
  if (!Number.isFinite(value)) return "no value";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  return Math.abs(value) >= 10 ** -digits || value === 0 ? value.toFixed(digits) : value.toExponential(1);
}

/** Every how many-th tick can be labelled when a label needs `needed` pixels. */
export function tickStep(count, length, needed) {
  return Math.max(1, Math.ceil((needed * count) / Math.max(1, length)));
}

/** Text of at most `most` characters. */
export function shorten(text, most) {
  const letters = Array.from(text);
  return letters.length <= most ? text : letters.slice(0, most - 1).join("") + "…";
}

/** Whether black is read better than white on a colour of three bytes. */
export function wantsBlack(red, green, blue) {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140;
}

/** In a mosaic of equal tiles: the tile's number and the place within it. */
export function tileAt([row, column], [height, width], columns) {
  const across = Math.floor(columns / width);
  const tile = Math.floor(row / height) * across + Math.floor(column / width);
  return { tile, row: row % height, column: column % width };
}

/** What is told of a picked cell: its row's and column's number; in a mosaic, its tile's and its place in that. */
export function pickedNumbers(data, cell) {
  if (!data.tile) return [data.row_ids[cell[0]], data.column_ids[cell[1]]];
  const { tile, row, column } = tileAt(cell, data.tile, data.columns.length);
  return [tile, row * data.tile[1] + column];
}

/** What a cell says, for tooltip and screen reader. */
export function describeCell(data, values, [row, column]) {
  const value = values[row * data.columns.length + column];
  const unit = Number.isFinite(value) ? ` ${data.unit}` : ` (${data.gap})`;
  if (data.tile) {
    const place = tileAt([row, column], data.tile, data.columns.length);
    const at = data.tile[0] * data.tile[1] > 1 ? `, row ${place.row}, column ${place.column}` : "";
    return `${data.x_title} ${place.tile}${at}: ${formatValue(value)}${unit}`;
  }
  const of = `${data.x_title}: ${data.columns[column]}, ${data.y_title}: ${data.rows[row]}`;
  return `${of}: ${formatValue(value)}${unit}`;
}

/** The drawn cell [row, column] of a selection by numbers, or null. */
export function findCell(selected, rowIds, columnIds, tile = null) {
  if (!selected) return null;
  if (tile) {
    const [[number, place], [height, width]] = [selected, tile];
    const across = Math.floor(columnIds.length / width);
    const row = Math.floor(number / across) * height + Math.floor(place / width);
    return row < rowIds.length ? [row, (number % across) * width + (place % width)] : null;
  }
  const cell = [rowIds.indexOf(selected[0]), columnIds.indexOf(selected[1])];
  return cell[0] < 0 || cell[1] < 0 ? null : cell;
}
