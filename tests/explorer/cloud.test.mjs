// The turning of clouds and the density of points, run by `node --test` (test_components.py calls it).

import assert from "node:assert/strict";
import test from "node:test";

import {
  binShade, cloudOf, countBins, draggedAngles, seenCloud, steppedAngles,
} from "../../apps/bitlens_explorer/ui/components/scatter/cloud.mjs";

// Two points: (-1, -2, -3) and (1, 2, 3); the payload has each dimension from 0 to 1.
const header = { points: 2, low: [-1, -2, -3], high: [1, 2, 3] };
const cloud = cloudOf(header, new Float32Array([0, 1, 0, 1, 0, 1]));
const radius = Math.sqrt(14);

function seenAt(turn, tilt) {
  return [...seenCloud({ ...cloud, turn, tilt })].map((unit) => (unit - 0.5) * 2 * radius);
}

function near(actual, expected) {
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5, `${actual}`));
}

test("a cloud has one scale for its three dimensions", () => {
  assert.ok(Math.abs(cloud.radius - radius) < 1e-6);
  near(seenAt(0, 0), [-1, 1, -2, 2]);
});

test("a quarter turn shows the third dimension across, a quarter tilt shows it upwards", () => {
  near(seenAt(90, 0), [-3, 3, -2, 2]);
  near(seenAt(0, 90), [-1, 1, 3, -3]);
  near(seenAt(180, 0), [1, -1, -2, 2]);
});

test("turns keep every point within the plot, whatever the angles", () => {
  for (let turn = 0; turn < 360; turn += 15) {
    for (let tilt = -90; tilt <= 90; tilt += 15) {
      for (const unit of seenCloud({ ...cloud, turn, tilt })) assert.ok(unit >= -1e-6 && unit <= 1 + 1e-6);
    }
  }
});

test("the pointer and the keys turn round and round, and tilt to the poles", () => {
  assert.deepEqual(draggedAngles({ turn: 350, tilt: 80 }, 100, 100, 500), { turn: 26, tilt: 90 });
  assert.deepEqual(steppedAngles({ turn: 2, tilt: 0 }, [1, 0]), { turn: 357, tilt: 0 });
  assert.deepEqual(steppedAngles({ turn: 0, tilt: -88 }, [0, 1]), { turn: 0, tilt: -90 });
});

test("a cloud of equal points is drawn in the middle", () => {
  const flat = cloudOf({ points: 2, low: [1, 1, 1], high: [1, 1, 1] }, new Float32Array(6).fill(0.5));
  near([...seenCloud(flat)], [0.5, 0.5, 0.5, 0.5]);
});

test("every finite point is counted once, at the edges too", () => {
  const counts = countBins(new Float32Array([0, 1, 0.49, NaN]), new Float32Array([1, 0, 0.49, 0.5]), 2);
  assert.deepEqual([...counts], [1, 0, 1, 1]);
});

test("squares are the darker the more points they have, and empty ones are clear", () => {
  assert.equal(binShade(0, 10), 0);
  assert.ok(binShade(1, 10) > 0 && binShade(1, 10) < binShade(2, 10));
  near([binShade(10, 10)], [1]);
  assert.ok(binShade(1, 1) > 0 && binShade(1, 1) <= 1);
});
