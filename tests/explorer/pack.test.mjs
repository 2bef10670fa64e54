// The circle packing's layout and words, run by `node --test` (test_packing.py calls it).

import assert from "node:assert/strict";
import test from "node:test";

import {
  caption, describeGroup, describeItem, enclose, itemRadius, layOut, leastTrueValue, moveNumber, packSiblings,
  areasOf, roundDown, sameGroup, sampleExtremes, sampleValues, sayShort,
} from "../../apps/bitlens_explorer/ui/components/circle_packing/layout.mjs";
import { fitText, viewBetween, wrapText } from "../../apps/bitlens_explorer/ui/components/circle_packing/drawing.mjs";

const close = (a, b, by = 1e-9) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);
const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/** The same numbers at every run. */
function someNumbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function assertApart(circles) {
  circles.forEach((a, i) => circles.slice(i + 1).forEach((b) => {
    assert.ok(apart(a, b) > a.r + b.r - 1e-6, `${JSON.stringify(a)} overlaps ${JSON.stringify(b)}`);
  }));
}

function assertWithin(circles, outer, by = 1e-6) {
  for (const one of circles) assert.ok(apart(one, outer) + one.r <= outer.r + by, `${JSON.stringify(one)} sticks out`);
}

test("equal circles lie as tight as they can", () => {
  const roots = [1, 2, 1 + 2 / Math.sqrt(3), 1 + Math.SQRT2, 3, 3, 3];
  for (const count of [1, 2, 3, 7]) close(enclose(packSiblings(Array(count).fill(1))).r, roots[count - 1]);
});

test("siblings of any sizes in any order do not overlap, and each touches another", () => {
  const number = someNumbers(1);
  for (let round = 0; round < 300; round += 1) {
    const radii = Array.from({ length: 1 + Math.floor(60 * number()) }, () => number() ** (1 + (round % 6)) + 1e-3);
    const circles = packSiblings(radii);
    assert.deepEqual(circles.map(({ r }) => r), radii);
    assertApart(circles);
    circles.forEach((a) => {
      const nearest = Math.min(...circles.filter((b) => b !== a).map((b) => apart(a, b) - a.r - b.r));
      assert.ok(circles.length === 1 || nearest < 1e-6);
    });
  }
});

/** The least reach of any middle, by halving the place of a convex function's least: slow, but another way. */
function encloseByTrial(circles) {
  const least = (reach) => {
    let [low, high] = [-3, 3];
    for (let turn = 0; turn < 90; turn += 1) {
      const [a, b] = [low + 0.4 * (high - low), low + 0.6 * (high - low)];
      if (reach(a) < reach(b)) high = b;
      else low = a;
    }
    return reach((low + high) / 2);
  };
  return least((x) => least((y) => Math.max(...circles.map((one) => Math.hypot(one.x - x, one.y - y) + one.r))));
}

test("the enclosing circle is the smallest one", () => {
  const number = someNumbers(2);
  for (let round = 0; round < 25; round += 1) {
    const circles = Array.from({ length: 1 + Math.floor(12 * number()) }, () => (
      { x: 2 * number() - 1, y: round % 5 ? 2 * number() - 1 : 0, r: number() ** 3 }));
    const outer = enclose(circles);
    assertWithin(circles, outer, 1e-9);
    close(outer.r, encloseByTrial(circles), 1e-7);
  }
  assert.deepEqual(enclose([]), { x: 0, y: 0, r: 0 });
  const points = [[0, 0], [1, 0], [1, 0], [0, 1], [1, 1]].map(([x, y]) => ({ x, y, r: 0 }));
  close(enclose(points).r, Math.SQRT1_2);
  const nested = [{ x: 0.1, y: 0, r: 0.2 }, { x: 0, y: 0, r: 1 }, { x: 0, y: 0, r: 1 }];
  close(enclose(nested).r, 1);
});

function assertLaidOut(plan, groupCount, itemCount) {
  assert.equal(plan.groups.length, groupCount);
  assertWithin(plan.groups, { x: 0, y: 0, r: 1 });
  assertApart(plan.groups);
  plan.bodies.forEach((body, group) => assertWithin([body], plan.groups[group]));
  plan.items.forEach((circles, group) => {
    assert.equal(circles.length, itemCount);
    assertApart(circles);
    assertWithin(circles, plan.bodies[group]);
    for (const { x, y, r } of circles) assert.ok([x, y, r].every(Number.isFinite) && r > 0);
  });
}

test("11 groups of 512 items are laid out within bounds, quickly and the same each time", () => {
  const number = someNumbers(3);
  const values = Float32Array.from({ length: 11 * 512 }, () => 0.3 + 4.1 * number());
  const start = performance.now();
  const plan = layOut(values, 11, 512);
  const took = performance.now() - start;
  assert.ok(took < 500, `${took} ms`);
  assertLaidOut(plan, 11, 512);
  assert.deepEqual(layOut(values, 11, 512), plan);
  const area = plan.bodies.reduce((sum, { r }) => sum + r * r, 0);
  assert.ok(area > 0.35, `items fill ${area}`);
});

test("areas are proportional to values on one scale", () => {
  const plan = layOut(Float32Array.from([4, 1, 2, 0.5]), 2, 2);
  assertLaidOut(plan, 2, 2);
  [[0, 0, 4], [0, 1, 1], [1, 0, 2], [1, 1, 0.5]].forEach(([group, item, value]) => {
    close(plan.items[group][item].r, plan.scale * Math.sqrt(value));
  });
  assert.equal(plan.most, 4);
});

test("values of zero, below zero and none at all have small circles", () => {
  assert.ok(itemRadius(0, 4) === itemRadius(-1, 4) && itemRadius(0, 4) > 0);
  assert.ok(itemRadius(NaN, 4) > itemRadius(0, 4) && itemRadius(Infinity, 4) === itemRadius(NaN, 4));
  close(itemRadius(leastTrueValue(4), 4), Math.sqrt(leastTrueValue(4) / 4));
  for (const filled of [[0, NaN, 3, -1, Infinity, 0], [0, 0, 0, 0, 0, 0], Array(6).fill(NaN)]) {
    assertLaidOut(layOut(Float32Array.from(filled), 2, 3), 2, 3);
    assertLaidOut(layOut(Float32Array.from(filled), 6, 1), 6, 1);
    assertLaidOut(layOut(Float32Array.from(filled), 1, 6), 1, 6);
  }
  assert.equal(layOut(Float32Array.from([0, NaN]), 1, 2).scale, 0);
  assert.deepEqual(layOut(new Float32Array(), 0, 0).groups, []);
});

test("many groups and very unequal ones stay within bounds", () => {
  const number = someNumbers(4);
  for (const [groups, items] of [[200, 3], [30, 8], [2, 40]]) {
    const values = Float32Array.from({ length: groups * items }, (_, i) => number() ** 4 * (i < items ? 100 : 1));
    assertLaidOut(layOut(values, groups, items), groups, items);
  }
});

test("a zoom starts and ends where it should", () => {
  const [from, to] = [{ x: 0, y: 0, r: 1 }, { x: 1, y: -2, r: 0.5 }];
  assert.deepEqual([viewBetween(from, to, 0), viewBetween(from, to, 1)], [from, to]);
  assert.deepEqual(viewBetween(from, to, 0.5), { x: 0.5, y: -1, r: 0.75 });
});

test("keys go through all of a level and stop at its ends", () => {
  const keys = ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "Home", "End", "Enter"];
  assert.deepEqual(keys.map((key) => moveNumber(2, key, 5)), [3, 3, 1, 1, 0, 4, -1]);
  assert.deepEqual([moveNumber(4, "ArrowRight", 5), moveNumber(0, "ArrowUp", 5)], [4, 0]);
});

test("a group is found again by its name", () => {
  assert.equal(sameGroup(1, "b", ["a", "b"]), 1);
  assert.equal(sameGroup(1, "b", ["b", "c"]), 0);
  assert.equal(sameGroup(1, "b", ["b", "b"]), 1);
  assert.equal(sameGroup(0, "z", ["a"]), -1);
  assert.equal(sameGroup(-1, undefined, ["a"]), -1);
});

test("sample circles have round values and fit", () => {
  assert.deepEqual([7, 4.9, 2, 1.2, 0.5, 0.03].map(roundDown), [5, 2, 2, 1, 0.5, 0.02]);
  const samples = sampleValues(4.4, 10, 20);
  assert.deepEqual(samples.map(({ value }) => value), [2, 0.5]);
  close(samples[0].r, 2 * samples[1].r);
  assert.ok(sampleValues(4.4, 100, 20)[0].r <= 20);
  assert.deepEqual(sampleValues(0, 0, 20), []);
  assert.deepEqual([0.05, 1.25, 7.8912].map(sayShort), ["0.05", "1.25", "7.89"]);
});

const data = { group_title: "class", groups: ["cat", "3"], item_title: "channel", item_ids: [4, 12], unit: "bits", power: 1 };

test("groups and items are said with their names, numbers and unit", () => {
  const values = [0.25, NaN, 1, 2.344];
  assert.equal(describeGroup(data, 0), "class cat");
  assert.equal(describeItem(data, values, 1, 1), "class 3, channel 12: 2.34 bits");
  assert.equal(describeItem(data, values, 0, 0), "class cat, channel 4: 0.250 bits");
  assert.equal(describeItem(data, values, 0, 1), "class cat, channel 12: no value");
});

test("the caption says what is not to scale, where there is such", () => {
  const plain = caption(data, [1, 2], [1, 2], 2);
  assert.match(plain, /area of a channel's circle is proportional/);
  assert.doesNotMatch(plain, /Hollow|Hatched/);
  assert.match(caption(data, [0, NaN, 2], [0, 1, 2], 2), /Hollow: at most 0\.013 bits.*Hatched: no value/);
  assert.match(caption(data, [0, 0], [0, 0], 0), /Hollow: 0 bits/);
  assert.match(caption(data, [1, 2], [1, NaN], 2), /Hatched/);
});

test("a power of the values is drawn, and the values are said", () => {
  const values = [1, 2, 0, NaN];
  assert.deepEqual(areasOf(values, 3), [1, 8, 0, NaN]);
  assert.equal(areasOf(values, 1), values);
  const squared = { ...data, power: 2 };
  assert.match(caption(squared, areasOf([3, 2], 2), [3, 2], 9), /raised to the power 2,/);
  assert.match(caption(squared, areasOf([3, 0], 2), [3, 0], 9), /at most 0\.24/); // sqrt(0.08 ** 2 * 9)
  const [large, small] = sampleExtremes([1, 2, 9], 2, 2, 5);
  assert.deepEqual([large.value, large.r, small.value, small.r], [2, 4, 1, 2]);
  assert.deepEqual(sampleExtremes([9], 2, 2, 5), []);
});

test("text is cut and wrapped to its width", () => {
  const measure = (text) => text.length;
  const fitted = [9, 5, 2, 1].map((width) => fitText("aeroplane", width, measure));
  assert.deepEqual(fitted, ["aeroplane", "aero…", "a…", ""]);
  assert.equal(fitText("3", 1, measure), "3");
  assert.deepEqual(wrapText("one two unbreakable x", 7, measure), ["one two", "unbreakable", "x"]);
});
