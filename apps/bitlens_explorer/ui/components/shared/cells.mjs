// Arithmetic of the heat map that does not need a browser, so that tests can run it.

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

/** The value of the picture under a cell of the table; NaN outside the picture. */
export function below(data, under, [row, column]) {
  return data.under && column < data.under.columns ? under[row * data.under.columns + column] : NaN;
}

/** Red, green and blue of a cell: the palette's, over the grey of what is below; null where there is neither. */
export function cellColor(data, palette, value, shade) {
  const entry = colorIndex(value, data.low, data.high);
  const grey = Number.isFinite(shade) ? colorIndex(shade, data.under.low, data.under.high) : -1;
  if (entry < 0) return grey < 0 ? null : [grey, grey, grey];
  const color = palette.subarray(3 * entry, 3 * entry + 3);
  return grey < 0 ? color : Array.from(color, (part) => Math.round(data.opacity * part + (1 - data.opacity) * grey));
}

/** The first cell of a named tile, or the cell itself of other maps. Pictures below are not separate tiles: there the
 * former cell's column stays. */
export function tileStart(data, cell, former) {
  if (!data.tile_names || !cell) return cell;
  const [height, width] = data.tile;
  const start = cell[1] - (cell[1] % width);
  const column = start < (data.under?.columns ?? 0) ? (former?.[1] ?? width) : start;
  return [cell[0] - (cell[0] % height), column];
}

/** The cell [row, column] at a point of the canvas, or null outside the plot. */
export function cellAt(x, y, plot, rows, columns) {
  const column = Math.floor(((x - plot.left) / plot.width) * columns);
  const row = Math.floor(((y - plot.top) / plot.height) * rows);
  return row >= 0 && row < rows && column >= 0 && column < columns ? [row, column] : null;
}

/** Where a key leads from a cell, or null for other keys. Without a cell, any of them leads to the first. */
export function moveCell(cell, key, rows, columns, [down, across] = [1, 1]) {
  const steps = { ArrowUp: [-down, 0], ArrowDown: [down, 0], ArrowLeft: [0, -across], ArrowRight: [0, across] };
  const ends = { Home: 0, End: columns - 1 };
  if (!(key in steps) && !(key in ends)) return null;
  if (!cell) return [0, 0];
  if (key in ends) return [cell[0], ends[key]];
  const clamp = (value, last) => Math.max(0, Math.min(last, value));
  return [clamp(cell[0] + steps[key][0], rows - 1), clamp(cell[1] + steps[key][1], columns - 1)];
}

/** A value as text: integers without decimals, others with `digits` decimals. */
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
export function describeCell(data, values, [row, column], shade = NaN) {
  const value = values[row * data.columns.length + column];
  const unit = Number.isFinite(value) ? ` ${data.unit}` : ` (${data.gap})`;
  const under = Number.isFinite(shade) ? `${data.under.name} ${formatValue(shade)}` : "";
  if (data.tile) {
    const place = tileAt([row, column], data.tile, data.columns.length);
    const at = data.tile[0] * data.tile[1] > 1 ? `, row ${place.row}, column ${place.column}` : "";
    if (data.tile_names) {
      const [down, across] = [Math.floor(row / data.tile[0]), Math.floor(column / data.tile[1])];
      const name = `${data.y_title} ${data.tile_names[0][down]}, ${data.tile_names[1][across]}${at}`;
      return `${name}: ${under || formatValue(value) + unit}`;
    }
    return `${data.x_title} ${place.tile}${at}: ${formatValue(value)}${unit}`;
  }
  const of = `${data.x_title}: ${data.columns[column]}, ${data.y_title}: ${data.rows[row]}`;
  return `${of}: ${formatValue(value)}${unit}${under && `; ${under}`}`;
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

/** The height of a figure, lower in a low window, so that what stands above and below it is in view as well. */
export function shownHeight(height, ofWindow) {
  return Math.min(height, Math.max(260, Math.round(0.56 * ofWindow)));
}
