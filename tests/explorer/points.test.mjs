// The scatter-plot matrix's arithmetic, run by `node --test` (test_scatter.py calls it).

import assert from "node:assert/strict";
import test from "node:test";

import {
  cellAtPixel, clampView, classOfSamples, combine, countClasses, dotHeights, drawOrder, fitView, flagsToText, fromPixel,
  inPolygon, MARGIN, nearestPoint, overviewMark, panBy, parsePayload, placeCard, samplesInside, settle, shuffled,
  textToFlags, tickNumbers, tickText, tileScale, toMatrix, toPixel, toUnit, viewAbout, viewCentre, visibleCells,
  zoomAbout,
} from "../../apps/bitlens_explorer/ui/components/scatter/points.mjs";

const shape = { rows: 3, columns: 4 };
const plot = { width: 400, height: 300 };

function near(actual, expected) {
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${actual}`));
}

test("a payload is read wherever it lies in memory, its arrays aligned to four bytes", () => {
  const header = new TextEncoder().encode(JSON.stringify({ arrays: [["classes", "u1", 3], ["values", "f4", 2]] }));
  const bytes = new Uint8Array(1 + 4 + header.length + 4 + 8);
  new DataView(bytes.buffer).setUint32(1, header.length, true);
  bytes.set(header, 5);
  bytes.set([7, 8, 9], 5 + header.length);
  bytes.set(new Uint8Array(new Float32Array([0.5, -2]).buffer), 9 + header.length);
  const { arrays } = parsePayload(bytes.subarray(1));
  assert.deepEqual(arrays.classes, new Uint8Array([7, 8, 9]));
  assert.deepEqual(arrays.values, new Float32Array([0.5, -2]));
});

test("a selection survives its way as text", () => {
  for (const count of [0, 1, 8, 9, 20_000]) {
    const flags = Uint8Array.from({ length: count }, (_, i) => Number(i % 3 === 0));
    assert.deepEqual(textToFlags(flagsToText(flags), count), flags);
  }
  assert.equal(flagsToText(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 1])), Buffer.from([1, 1]).toString("base64"));
});

test("gestures replace, add to and take from a selection", () => {
  const [old, hit] = [new Uint8Array([1, 1, 0, 0]), new Uint8Array([1, 0, 1, 0])];
  assert.deepEqual([...combine(old, hit, "replace")], [1, 0, 1, 0]);
  assert.deepEqual([...combine(old, hit, "add")], [1, 1, 1, 0]);
  assert.deepEqual([...combine(old, hit, "remove")], [0, 1, 0, 0]);
});

test("an answer to a former selection does not take back a later one", () => {
  assert.deepEqual(settle([], "", "a"), { pending: [], adopt: true });
  assert.deepEqual(settle([], "a", "a"), { pending: [], adopt: false });
  assert.deepEqual(settle(["a", "b"], "", "a"), { pending: ["b"], adopt: false });
  assert.deepEqual(settle(["b"], "a", "b"), { pending: [], adopt: true });
  assert.deepEqual(settle(["a"], "", ""), { pending: ["a"], adopt: false });
  assert.deepEqual(settle(["a"], "", "other"), { pending: [], adopt: true });
});

test("points are drawn in a mixed order, those of chosen samples last", () => {
  const mixed = shuffled(1000);
  assert.deepEqual([...mixed].sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i));
  assert.notDeepEqual([...mixed.subarray(0, 10)], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(shuffled(1000), mixed);
  const { order, others } = drawOrder(new Uint32Array([3, 1, 0, 2]), [0, 0, 1, 1], new Uint8Array([1, 0]));
  assert.deepEqual([...order], [3, 2, 1, 0]);
  assert.equal(others, 2);
});

test("classes are counted by sample, not by point", () => {
  const classes = classOfSamples([1, 1, 0, 255], [0, 0, 2, 3], 5);
  assert.deepEqual([...classes], [1, 255, 0, 255, 255]);
  const counts = [{ all: 1, chosen: 0 }, { all: 1, chosen: 1 }];
  assert.deepEqual(countClasses(classes, new Uint8Array([1, 1, 0, 0, 0]), 2), counts);
});

test("a dot plot has a lane a class, the first on top", () => {
  const heights = dotHeights([0, 1, 255, 0], 2);
  assert.ok(heights[0] > 0.5 && heights[3] > 0.5 && heights[1] < 0.5 && heights[2] < 0.5);
  assert.ok(dotHeights([255, 255, 255], 0).every((height) => height > 0 && height < 1));
});

test("units go to pixels and back, upwards in their cell", () => {
  const view = { x: 0.5, y: 1, k: 200 };
  near(toMatrix(2, 1, 0, 0), [1 + MARGIN, 3 - MARGIN]);
  near(toPixel(view, toMatrix(1, 2, 0.5, 0.5)), [400, 100]);
  assert.ok(toMatrix(0, 0, 0, 1)[1] < toMatrix(0, 0, 0, 0)[1]);
  const [x, y] = fromPixel(view, toPixel(view, toMatrix(1, 2, 0.3, 0.8)));
  near(toUnit(1, 2, x, y), [0.3, 0.8]);
});

test("a pixel lies in a cell or outside the matrix", () => {
  const view = { x: -1, y: 0, k: 100 };
  assert.deepEqual(cellAtPixel(view, [100, 0], shape), [0, 0]);
  assert.deepEqual(cellAtPixel(view, [499, 299], shape), [2, 3]);
  for (const pixel of [[99, 0], [500, 0], [100, 300], [100, -1]]) assert.equal(cellAtPixel(view, pixel, shape), null);
});

test("a fitted view shows all, in the middle", () => {
  assert.deepEqual(fitView(shape, plot), { x: 0, y: 0, k: 100 });
  assert.deepEqual(fitView({ rows: 1, columns: 1 }, plot), { x: (1 - 400 / 300) / 2, y: 0, k: 300 });
});

test("zooming keeps what is under the pointer, panning moves it along", () => {
  const view = { x: 1, y: 2, k: 100 };
  const before = fromPixel(view, [50, 70]);
  const zoomed = zoomAbout(view, [50, 70], 3);
  assert.equal(zoomed.k, 300);
  near(fromPixel(zoomed, [50, 70]), before);
  near(fromPixel(panBy(view, 20, -30), [70, 40]), before);
  near(viewCentre(viewAbout(1.5, 0.5, 80, plot), plot), [1.5, 0.5]);
});

test("a view keeps its centre on the matrix and does not come too near or too far", () => {
  near(viewCentre(clampView(viewAbout(-7, 9, 100, plot), shape, plot), plot), [0, 3]);
  assert.equal(clampView({ x: 0, y: 0, k: 1 }, shape, plot).k, 50);
  assert.equal(clampView({ x: 0, y: 0, k: 1e9 }, shape, plot).k, 16_000);
  const fine = viewAbout(2, 1, 150, plot);
  near(Object.values(clampView(fine, shape, plot)), Object.values(fine));
});

test("only cells in sight are drawn", () => {
  assert.equal(visibleCells(fitView(shape, plot), shape, plot).length, 12);
  assert.deepEqual(visibleCells({ x: 1.2, y: 0.5, k: 400 }, shape, plot), [[0, 1], [0, 2], [1, 1], [1, 2]]);
  assert.deepEqual(visibleCells({ x: 9, y: 0, k: 100 }, shape, plot), []);
});

test("the overview's box becomes a cross-hair before it is a speck", () => {
  near(overviewMark({ x: 1, y: 1, k: 200 }, plot, 45).box, [45, 45, 90, 67.5]);
  near(overviewMark({ x: 1, y: 1, k: 4000 }, plot, 45).cross, [47.25, 46.6875]);
});

test("ticks are round numbers in the range, and few enough", () => {
  assert.deepEqual(tickNumbers(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(tickNumbers(-3.2, 7.9, 3), [0, 5]);
  assert.deepEqual(tickNumbers(0.1234, 0.1236, 2), [0.1234, 0.1235, 0.1236]);
  assert.deepEqual(tickNumbers(4, 4, 3), [4]);
  for (const most of [1, 2, 7]) assert.ok(tickNumbers(-13.7, 987, most).length <= most + 1);
  assert.deepEqual([0, 0.25, -12_000, 2e6, 1e-5].map(tickText), ["0", "0.25", "-12000", "2e+6", "1e-5"]);
});

test("a point lies in a polygon by the even-odd rule", () => {
  const bow = [[0, 0], [4, 4], [4, 0], [0, 4]];
  assert.ok(inPolygon(1, 2, bow) && inPolygon(3, 2, bow));
  assert.ok(!inPolygon(2, 1, bow) && !inPolygon(2, 3, bow) && !inPolygon(5, 2, bow));
  assert.ok(!inPolygon(NaN, 2, bow));
});

test("a lasso hits the samples of the points in it", () => {
  const square = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]];
  const hit = samplesInside([0.1, 0.9, 0.4, NaN], [0.1, 0.1, 0.4, 0.1], square, [2, 0, 2, 1], 3);
  assert.deepEqual([...hit], [0, 0, 1]);
});

test("the nearest point is found within a radius, one without a number never", () => {
  const [across, up] = [[0.1, 0.5, NaN], [0.1, 0.5, 0.5]];
  assert.equal(nearestPoint(across, up, [0.45, 0.5], 0.1), 1);
  assert.equal(nearestPoint(across, up, [0.3, 0.9], 0.1), -1);
});

test("a card stays in its frame and leaves the point free", () => {
  const [card, frame] = [{ width: 100, height: 80 }, { width: 300, height: 200 }];
  assert.deepEqual(placeCard([50, 100], card, frame, 10), [60, 60]);
  assert.deepEqual(placeCard([290, 195], card, frame, 10), [180, 120]);
  assert.deepEqual(placeCard([60, 20], card, { width: 120, height: 200 }, 10), [10, 30]);
  assert.deepEqual(placeCard([60, 180], card, { width: 120, height: 200 }, 10), [10, 90]);
});

test("small tiles grow by whole numbers, large ones shrink", () => {
  assert.equal(tileScale([28, 28], 112), 4);
  assert.equal(tileScale([32, 30], 112), 3);
  assert.equal(tileScale([224, 112], 112), 0.5);
});
