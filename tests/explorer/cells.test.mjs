// The heat map's arithmetic, run by `node --test` (test_states.py calls it).

import assert from "node:assert/strict";
import test from "node:test";

import {
  below, cellAt, cellColor, colorIndex, decodeFloats, describeCell, findCell, formatValue, moveCell, pickedNumbers,
  shorten, shownHeight, tickStep, tileAt, tileStart, wantsBlack,
} from "../../apps/bitlens_explorer/ui/components/shared/cells.mjs";

test("float32 numbers come out of base64", () => {
  const numbers = new Float32Array([0.5, NaN, -2]);
  const text = Buffer.from(numbers.buffer).toString("base64");
  assert.deepEqual(decodeFloats(text), numbers);
});

test("the palette is spread over the range, and what is not finite has no colour", () => {
  assert.deepEqual([2, 3, 4].map((value) => colorIndex(value, 2, 4)), [0, 128, 255]);
  assert.deepEqual([-9, 9].map((value) => colorIndex(value, 2, 4)), [0, 255]);
  assert.deepEqual([NaN, Infinity].map((value) => colorIndex(value, 2, 4)), [-1, -1]);
  assert.equal(colorIndex(3, 3, 3), 0);
});

test("a point lies in the half-open box of its cell", () => {
  const plot = { left: 10, top: 20, width: 30, height: 40 };
  assert.deepEqual(cellAt(10, 20, plot, 4, 3), [0, 0]);
  assert.deepEqual(cellAt(39.9, 59.9, plot, 4, 3), [3, 2]);
  assert.deepEqual(cellAt(20, 30, plot, 4, 3), [1, 1]);
  for (const [x, y] of [[9.9, 30], [40, 30], [20, 19.9], [20, 60]]) assert.equal(cellAt(x, y, plot, 4, 3), null);
});

test("keys move the cell and stop at the edges", () => {
  assert.deepEqual(moveCell(null, "ArrowDown", 2, 3), [0, 0]);
  assert.deepEqual(moveCell([0, 1], "ArrowDown", 2, 3), [1, 1]);
  assert.deepEqual(moveCell([1, 1], "ArrowDown", 2, 3), [1, 1]);
  assert.deepEqual(moveCell([1, 1], "ArrowUp", 2, 3), [0, 1]);
  assert.deepEqual(moveCell([1, 0], "ArrowLeft", 2, 3), [1, 0]);
  assert.deepEqual(moveCell([1, 1], "ArrowRight", 2, 3), [1, 2]);
  assert.deepEqual(moveCell([1, 1], "Home", 2, 3), [1, 0]);
  assert.deepEqual(moveCell([1, 1], "End", 2, 3), [1, 2]);
  assert.equal(moveCell([1, 1], "Enter", 2, 3), null);
});

test("values are said with their size", () => {
  assert.equal(formatValue(12), "12");
  assert.equal(formatValue(0.12345), "0.123");
  assert.equal(formatValue(0.00001234), "1.2e-5");
  assert.equal(formatValue(-1.5), "-1.500");
  assert.equal(formatValue(NaN), "no value");
});

test("ticks are thinned until their labels fit", () => {
  assert.equal(tickStep(10, 300, 30), 1);
  assert.equal(tickStep(64, 320, 20), 4);
});

test("long labels are cut between letters", () => {
  assert.equal(shorten("cat", 3), "cat");
  assert.equal(shorten("aeroplane", 5), "aero…");
  assert.equal(shorten("🙂🙂🙂", 2), "🙂…");
});

test("text stands out from its cell", () => {
  assert.ok(wantsBlack(253, 231, 37));
  assert.ok(!wantsBlack(68, 1, 84));
});

const data = { columns: ["4", "7"], rows: ["1"], x_title: "A", y_title: "B", unit: "bits", gap: "not measured" };

test("a cell is described with its channels and unit, a gap with its reason", () => {
  assert.equal(describeCell(data, [0.25, NaN], [0, 0]), "A: 4, B: 1: 0.250 bits");
  assert.equal(describeCell(data, [0.25, NaN], [0, 1]), "A: 7, B: 1: no value (not measured)");
});

test("a selection is found where its channels are drawn", () => {
  assert.deepEqual(findCell([3, 8], [5, 3], [8, 9]), [1, 0]);
  assert.equal(findCell([4, 8], [5, 3], [8, 9]), null);
  assert.equal(findCell(null, [5, 3], [8, 9]), null);
});

test("in a mosaic a cell belongs to a tile", () => {
  const data = {
    tile: [2, 3], rows: Array(4).fill(""), columns: Array(6).fill(""), row_ids: [0, 1, 2, 3],
    column_ids: [0, 1, 2, 3, 4, 5], x_title: "channel", unit: "", gap: "no channel",
  };
  assert.deepEqual(tileAt([0, 0], data.tile, 6), { tile: 0, row: 0, column: 0 });
  assert.deepEqual(tileAt([3, 4], data.tile, 6), { tile: 3, row: 1, column: 1 });
  for (let row = 0; row < 4; row += 1) {
    for (let column = 0; column < 6; column += 1) {
      const numbers = pickedNumbers(data, [row, column]);
      assert.deepEqual(findCell(numbers, data.row_ids, data.column_ids, data.tile), [row, column]);
    }
  }
  assert.equal(findCell([4, 0], data.row_ids, data.column_ids, data.tile), null);
  assert.match(describeCell(data, new Float32Array(24).fill(0.5), [3, 4]), /^channel 3, row 1, column 1: 0.500/);
  const units = { ...data, tile: [1, 1] };
  assert.match(describeCell(units, new Float32Array(24).fill(2), [1, 1]), /^channel 7: 2/);
  assert.deepEqual(pickedNumbers({ ...data, tile: null }, [2, 5]), [2, 5]);
});

// Two images of 2 x 3 pixels, each followed by its maps in two layers.
const strip = {
  rows: [0, 1, 2, 3], columns: [0, 1, 2, 3, 4, 5, 6, 7, 8], row_ids: [0, 1, 2, 3], column_ids: [0, 1, 2, 3, 4, 5, 6, 7, 8],
  tile: [2, 3], tile_names: [["5: cat", "8: dog"], ["input", "a", "b"]], x_title: "layer", y_title: "image", unit: "bits",
  gap: "none", low: 0, high: 1, opacity: 0.5, under: { columns: 3, low: 0, high: 2, name: "value" },
};

test("a picture below is seen where there is no value, and through others", () => {
  const palette = Uint8Array.from({ length: 768 }, (_, i) => (i >= 765 ? 200 : 0));
  assert.deepEqual(cellColor(strip, palette, NaN, 2), [255, 255, 255]);
  assert.equal(cellColor(strip, palette, NaN, NaN), null);
  assert.deepEqual(cellColor(strip, palette, 1, 0), [100, 100, 100]);
  assert.deepEqual([...cellColor(strip, palette, 1, NaN)], [200, 200, 200]);
  const under = Float32Array.from({ length: 12 }, (_, i) => i);
  assert.deepEqual([below(strip, under, [1, 2]), below(strip, under, [1, 3])], [5, NaN]);
  assert.deepEqual(below({}, undefined, [0, 0]), NaN);
});

test("named tiles are chosen whole, and the picture next to them keeps the layer", () => {
  assert.deepEqual(tileStart(strip, [3, 8], null), [2, 6]);
  assert.deepEqual(tileStart(strip, [3, 1], [0, 6]), [2, 6]);
  assert.deepEqual(tileStart(strip, [3, 1], null), [2, 3]);
  assert.deepEqual(tileStart({}, [3, 1], [0, 6]), [3, 1]);
  assert.equal(tileStart(strip, null, [0, 3]), null);
  assert.deepEqual(pickedNumbers(strip, [2, 6]), [5, 0]);
  assert.deepEqual(findCell([5, 0], strip.row_ids, strip.column_ids, strip.tile), [2, 6]);
  assert.deepEqual(moveCell([0, 3], "ArrowDown", 4, 9, strip.tile), [2, 3]);
  assert.deepEqual(moveCell([0, 3], "ArrowRight", 4, 9, strip.tile), [0, 6]);
});

test("named tiles and pictures are said by name", () => {
  const values = Float32Array.from({ length: 36 }, (_, i) => (i % 9 < 3 ? NaN : i));
  assert.equal(describeCell(strip, values, [3, 7]), "image 8: dog, b, row 1, column 1: 34 bits");
  assert.equal(describeCell(strip, values, [3, 1], 0.25), "image 8: dog, input, row 1, column 1: value 0.250");
  const plain = { ...strip, tile: null, tile_names: null };
  assert.equal(describeCell(plain, values, [3, 7], 0.25), "layer: 7, image: 3: 34 bits; value 0.250");
});

test("a figure is lower in a low window, and never taller than asked for", () => {
  assert.deepEqual([400, 768, 900, 1400].map((ofWindow) => shownHeight(460, ofWindow)), [260, 430, 460, 460]);
  assert.equal(shownHeight(200, 300), 200);
});
