// The points of the scatter-plot matrix, drawn by WebGL or, without it, on a flat canvas: the two ways look the same.
//
// A painter has load(points), arrange(order, others) and draw(frame). `points` holds count, values (a dimension after
// the other, in units), dots (heights in the dot plots) and colors (four bytes a point). The points up to `others` of
// `order` are not selected. A `frame` says what to draw: the density, view, point size, share of the points and
// the cells {row, column, x, y}: x and y are dimensions, and y is -1 in a dot plot.

import { MARGIN, toMatrix, toPixel } from "./points.mjs";

const FAR = 1e6; // where points without a number are sent: outside every cell
const FEWEST = 200; // however small a share is asked for: a few selected points are always seen
const USUAL_OPACITY = 0.7;
const FAINT = { size: 0.8, most: 0.15, least: 0.02, cover: 0.6 };
const SELECTED = { size: 1.5, opacity: 0.95, more: 2, few: 200 };
const VERTEX = `
  attribute float across, up;
  attribute vec3 color;
  uniform vec2 scale, shift;
  uniform float size;
  varying vec3 ink;
  void main() {
    gl_Position = vec4(vec2(across, up) * scale + shift, 0.0, 1.0);
    gl_PointSize = size;
    ink = color;
  }`;
const FRAGMENT = `
  precision mediump float;
  uniform float opacity, diameter;
  varying vec3 ink;
  void main() {
    float edge = (0.5 - length(gl_PointCoord - 0.5)) * diameter + 0.5;
    if (edge <= 0.0) discard;
    float alpha = opacity * min(edge, 1.0);
    gl_FragColor = vec4(ink * alpha, alpha);
  }`;

/**
 * The parts of an order as they are drawn, one after the other: the first points of each are a share of it, as it is
 * shuffled. Points that are not selected stay faint where they are dense; selected ones are the larger the fewer.
 */
function passes(total, others, { share, size, view, opacity: usual = USUAL_OPACITY, chosenOnly = false }) {
  const part = (count) => Math.min(count, Math.max(FEWEST, Math.ceil(count * share)));
  if (others === total) return chosenOnly ? [] : [{ first: 0, count: part(total), size, opacity: usual }];
  const small = size * FAINT.size;
  const layers = (others * small * small) / (view.k * view.k);
  const opacity = Math.max(FAINT.least, Math.min(FAINT.most, FAINT.cover / layers));
  const chosen = total - others;
  const large = size * (SELECTED.size + SELECTED.more * Math.exp(-chosen / SELECTED.few));
  return [
    { first: 0, count: chosenOnly ? 0 : part(others), size: small, opacity },
    { first: others, count: part(chosen), size: large, opacity: SELECTED.opacity },
  ];
}

/** A painter for a canvas, or null if the browser has no WebGL. `onLost` is called when it takes WebGL away. */
export function glPainter(canvas, onLost) {
  const gl = canvas.getContext("webgl", { antialias: false });
  if (!gl?.getExtension("OES_element_index_uint")) return null;
  canvas.addEventListener("webglcontextlost", onLost, { once: true });
  const program = compile(gl);
  const buffers = Object.fromEntries(["values", "dots", "colors", "order"].map((name) => [name, gl.createBuffer()]));
  const places = ["across", "up", "color"].map((name) => gl.getAttribLocation(program, name));
  const uniforms = Object.fromEntries(
    ["scale", "shift", "size", "opacity", "diameter"].map((name) => [name, gl.getUniformLocation(program, name)]),
  );
  const painter = { canvas, gl, buffers, places, uniforms, total: 0, others: 0 };
  painter.load = (points) => {
    painter.total = points.count;
    const fill = (name, data) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    };
    fill("values", points.values.map((value) => (Number.isNaN(value) ? FAR : value)));
    fill("dots", points.dots);
    fill("colors", points.colors);
  };
  painter.arrange = (order, others) => {
    painter.others = others;
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, buffers.order);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.DYNAMIC_DRAW);
  };
  painter.draw = (frame) => drawGl(painter, frame);
  return painter;
}

function compile(gl) {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  return program;
}

function drawGl(painter, frame) {
  const { canvas, gl, buffers, places } = painter;
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.disable(gl.SCISSOR_TEST);
  gl.clearColor(0, 0, 0, 0);
  gl.clear(gl.COLOR_BUFFER_BIT);
  gl.enable(gl.SCISSOR_TEST);
  places.forEach((place) => gl.enableVertexAttribArray(place));
  gl.bindBuffer(gl.ARRAY_BUFFER, buffers.colors);
  gl.vertexAttribPointer(places[2], 3, gl.UNSIGNED_BYTE, true, 4, 0);
  for (const { first, count, size, opacity } of passes(painter.total, painter.others, frame)) {
    if (!count) continue;
    const diameter = Math.max(1, size * frame.density);
    gl.uniform1f(painter.uniforms.size, diameter);
    gl.uniform1f(painter.uniforms.diameter, diameter);
    gl.uniform1f(painter.uniforms.opacity, opacity);
    for (const cell of frame.cells) drawGlCell(painter, frame, cell, first, count);
  }
  // Waits until all is drawn, which finish() does not: or else the time of a frame could not be known.
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
}

function drawGlCell(painter, { view, density }, cell, first, count) {
  const { canvas, gl, buffers, places, uniforms } = painter;
  const [left, top] = toPixel(view, [cell.column, cell.row]);
  const [right, bottom] = [left + view.k, top + view.k];
  // A viewport for each cell would be simpler, but may not be as large as a cell seen from near.
  const clip = (pixel, most) => Math.max(0, Math.min(most, Math.round(pixel * density)));
  const [west, east] = [left, right].map((pixel) => clip(pixel, canvas.width));
  const [north, south] = [top, bottom].map((pixel) => clip(pixel, canvas.height));
  gl.scissor(west, canvas.height - south, east - west, south - north);
  const [zeroX, zeroY] = toPixel(view, toMatrix(cell.row, cell.column, 0, 0));
  const inner = 2 * view.k * (1 - 2 * MARGIN);
  // The canvas has the size of the plot, and may be used for a smaller frame in its top left corner.
  const [across, down] = [canvas.width / density, canvas.height / density];
  gl.uniform2f(uniforms.scale, inner / across, inner / down);
  gl.uniform2f(uniforms.shift, (2 * zeroX) / across - 1, 1 - (2 * zeroY) / down);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffers.values);
  gl.vertexAttribPointer(places[0], 1, gl.FLOAT, false, 0, 4 * painter.total * cell.x);
  if (cell.y < 0) gl.bindBuffer(gl.ARRAY_BUFFER, buffers.dots);
  gl.vertexAttribPointer(places[1], 1, gl.FLOAT, false, 0, 4 * painter.total * Math.max(0, cell.y));
  gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 4 * first);
}

/** A painter that needs nothing but a canvas. */
export function flatPainter(canvas) {
  const pen = canvas.getContext("2d");
  const painter = { canvas, pen, points: null, order: null, others: 0 };
  painter.load = (points) => { painter.points = points; };
  painter.arrange = (order, others) => Object.assign(painter, { order, others });
  painter.draw = (frame) => {
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.scale(frame.density, frame.density);
    for (const { first, count, size, opacity } of passes(painter.points.count, painter.others, frame)) {
      pen.globalAlpha = opacity;
      const order = painter.order.subarray(first, first + count);
      for (const cell of frame.cells) drawFlatCell(painter, frame, cell, order, Math.max(1 / frame.density, size));
    }
  };
  return painter;
}

function drawFlatCell({ pen, points }, { view }, cell, order, diameter) {
  const { count, values, dots, colors } = points;
  const across = values.subarray(count * cell.x, count * (cell.x + 1));
  const up = cell.y < 0 ? dots : values.subarray(count * cell.y, count * (cell.y + 1));
  pen.save();
  pen.beginPath();
  pen.rect(...toPixel(view, [cell.column, cell.row]), view.k, view.k);
  pen.clip();
  const [zeroX, zeroY] = toPixel(view, toMatrix(cell.row, cell.column, 0, 0));
  const inner = view.k * (1 - 2 * MARGIN);
  for (const point of order) {
    const [x, y] = [zeroX + across[point] * inner, zeroY - up[point] * inner];
    pen.fillStyle = `rgb(${colors[4 * point]} ${colors[4 * point + 1]} ${colors[4 * point + 2]})`;
    if (diameter < 3) {
      pen.fillRect(x - diameter / 2, y - diameter / 2, diameter, diameter); // too small to be told from a disc
    } else {
      pen.beginPath();
      pen.arc(x, y, diameter / 2, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  pen.restore();
}
