// Layout and texts of the circle packing, which do not need a browser, so that tests can run them.

import { formatValue } from "../shared/cells.mjs";

/** Radii are relative to that of the largest value. No circle is so small that nobody could hit it. */
const LEAST_RADIUS = 0.08;
const GAP_RADIUS = 0.2;
const BETWEEN_ITEMS = 0.03;
const BETWEEN_GROUPS = 0.012;
/** Space for the name of a group above its items, as a share of the radius of the whole picture. */
const NAME_ROOM = 0.07;

/** A value's radius when that of `most` is 1: the area is proportional to the value. */
export function itemRadius(value, most) {
  if (!Number.isFinite(value)) return GAP_RADIUS;
  return most > 0 ? Math.max(LEAST_RADIUS, Math.sqrt(Math.max(0, value) / most)) : LEAST_RADIUS;
}

/** The value below which circles are drawn larger than their value. */
export function leastTrueValue(most) {
  return most > 0 ? LEAST_RADIUS ** 2 * most : 0;
}

/** What is drawn as areas. */
export function areasOf(values, power) {
  return power === 1 ? values : values.map((value) => (value > 0 ? value ** power : value));
}

/** The part of the picture that shows a group, or all of them. */
export function target({ zoom, plan }) {
  if (zoom < 0) return { x: 0, y: 0, r: 1.01 };
  const { x, y, r } = plan.bodies[zoom];
  return { x, y, r: (r || 1) * 1.03 };
}

/** The circle of this radius that touches a and b, on the right of the way from a to b. */
function touching(a, b, radius) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const distance = Math.hypot(dx, dy);
  const [toA, toB] = [a.r + radius, b.r + radius];
  const along = (distance * distance + toA * toA - toB * toB) / (2 * distance);
  const aside = Math.sqrt(Math.max(0, toA * toA - along * along));
  return { x: a.x + (along * dx + aside * dy) / distance, y: a.y + (along * dy - aside * dx) / distance, r: radius };
}

function overlap(a, b) {
  const reach = (a.r + b.r) * (1 - 1e-9);
  const [dx, dy] = [a.x - b.x, a.y - b.y];
  return dx * dx + dy * dy < reach * reach;
}

/**
 * Circles of given radii side by side, each touching two earlier ones: the front-chain method of Wang, Wang, Dai and
 * Wang (2006). The front is the closed chain of outermost circles, walked anticlockwise, so that outside is right.
 */
export function packSiblings(radii) {
  if (radii.length < 2) return Array.from(radii, (r) => ({ x: 0, y: 0, r }));
  const circles = [{ x: 0, y: 0, r: radii[0] }, { x: radii[0] + radii[1], y: 0, r: radii[1] }];
  if (radii.length === 2) return circles;
  circles.push(touching(circles[1], circles[0], radii[2]));
  const [next, previous] = [[1, 2, 0], [2, 0, 1]];
  const link = (a, b) => { next[a] = b; previous[b] = a; };
  let start = 0;
  for (let i = 3; i < radii.length; i += 1) {
    let [before, after] = closestPair(circles, next, start);
    let circle = touching(circles[before], circles[after], radii[i]);
    for (let blocking = findBlocking(circles, next, previous, before, after, circle); blocking;) {
      [before, after] = blocking;
      circle = touching(circles[before], circles[after], radii[i]);
      blocking = findBlocking(circles, next, previous, before, after, circle);
    }
    circles.push(circle);
    link(before, i);
    link(i, after);
    start = i;
  }
  return circles;
}

/** The neighbours on the front that touch nearest to the middle of the first circle. */
function closestPair(circles, next, start) {
  let [best, least] = [start, Infinity];
  let at = start;
  do {
    const [a, b] = [circles[at], circles[next[at]]];
    const [x, y] = [a.x * b.r + b.x * a.r, a.y * b.r + b.y * a.r];
    const away = (x * x + y * y) / (a.r + b.r) ** 2;
    if (away < least) [best, least] = [at, away];
    at = next[at];
  } while (at !== start);
  return [best, next[best]];
}

/** The pair to try instead when a circle of the front is in the way, the nearest along the chain; else null. */
function findBlocking(circles, next, previous, before, after, circle) {
  let [ahead, behind] = [next[after], previous[before]];
  let [wayAhead, wayBehind] = [circles[after].r, circles[before].r];
  while (ahead !== next[behind]) {
    if (wayAhead <= wayBehind) {
      if (overlap(circles[ahead], circle)) return [before, ahead];
      wayAhead += circles[ahead].r;
      ahead = next[ahead];
    } else {
      if (overlap(circles[behind], circle)) return [behind, after];
      wayBehind += circles[behind].r;
      behind = previous[behind];
    }
  }
  return null;
}

/** The smallest circle round two circles. */
function roundTwo(a, b) {
  const distance = Math.hypot(b.x - a.x, b.y - a.y);
  if (distance + b.r <= a.r) return a;
  if (distance + a.r <= b.r) return b;
  const r = (distance + a.r + b.r) / 2;
  const part = (r - a.r) / distance;
  return { x: a.x + part * (b.x - a.x), y: a.y + part * (b.y - a.y), r };
}

/** The circles that three circles touch from within: the middle by linear equations, the radius by a quadratic one. */
function roundThree(a, b, c) {
  const [bx, by, cx, cy] = [b.x - a.x, b.y - a.y, c.x - a.x, c.y - a.y];
  const determinant = 2 * (bx * cy - by * cx);
  if (Math.abs(determinant) < 1e-14 * (bx * bx + by * by + cx * cx + cy * cy)) return [];
  const [db, dc] = [bx * bx + by * by - b.r * b.r + a.r * a.r, cx * cx + cy * cy - c.r * c.r + a.r * a.r];
  const [eb, ec] = [2 * (b.r - a.r), 2 * (c.r - a.r)];
  const [x0, x1] = [(db * cy - dc * by) / determinant, (eb * cy - ec * by) / determinant];
  const [y0, y1] = [(dc * bx - db * cx) / determinant, (ec * bx - eb * cx) / determinant];
  const [square, half, rest] = [x1 * x1 + y1 * y1 - 1, x0 * x1 + y0 * y1 + a.r, x0 * x0 + y0 * y0 - a.r * a.r];
  const root = Math.sqrt(Math.max(0, half * half - square * rest));
  const radii = Math.abs(square) < 1e-12 ? [-rest / (2 * half)] : [(-half - root) / square, (root - half) / square];
  return radii.map((r) => ({ x: a.x + x0 + x1 * r, y: a.y + y0 + y1 * r, r }));
}

/** How far a circle sticks out of another. */
function excess(inner, outer) {
  return Math.hypot(inner.x - outer.x, inner.y - outer.y) + inner.r - outer.r;
}

/** The smallest circle round the new circle and the up to three that the last one rested on. */
function extend(basis, added) {
  const all = [...basis, added];
  const found = [{ basis: [added], circle: added }];
  basis.forEach((a, i) => {
    found.push({ basis: [a, added], circle: roundTwo(a, added) });
    for (const b of basis.slice(i + 1)) {
      for (const circle of roundThree(a, b, added)) found.push({ basis: [a, b, added], circle });
    }
  });
  const holding = found.filter(({ circle }) => all.every((one) => excess(one, circle) <= 1e-10 * circle.r));
  return holding.sort((a, b) => a.circle.r - b.circle.r)[0] ?? null;
}

/**
 * The smallest circle round circles. As in Welzl's method with move to front, it rests on at most three of them; what
 * sticks out farthest is taken in next (Gärtner's pivot), so that a few rounds do and no chance is needed.
 */
export function enclose(circles) {
  if (!circles.length) return { x: 0, y: 0, r: 0 };
  let best = { basis: [circles[0]], circle: circles[0] };
  for (;;) {
    const { circle } = best;
    const farthest = circles.reduce((a, b) => (excess(b, circle) > excess(a, circle) ? b : a));
    const out = excess(farthest, circle);
    const larger = out > 1e-10 * circle.r ? extend(best.basis, farthest) : null;
    // Rounding can leave a hair's breadth outside, or nothing better to rest on.
    if (!(larger?.circle.r > circle.r)) return { ...circle, r: circle.r + Math.max(0, out) };
    best = larger;
  }
}

/** The circles of some radii in a given order, and the circle round them; listed in the order of the radii. */
function packOrdered(radii, order) {
  const packed = packSiblings(order.map((i) => radii[i]));
  const circles = [];
  order.forEach((i, place) => { circles[i] = packed[place]; });
  return { circles, round: enclose(packed) };
}

/**
 * The groups' circles when each has the same space around its items, a share of the whole. Always in their own
 * order: a denser one would be another at every epoch, and groups would change places.
 */
function packGroups(bodies) {
  const order = Array.from(bodies.keys());
  const share = Math.min(NAME_ROOM / 2, 0.18 / Math.sqrt(bodies.length));
  let [room, found] = [0, null];
  for (let turn = 0; turn < 8; turn += 1) {
    found = packOrdered(bodies.map((body) => body.r + room), order);
    room = (share + BETWEEN_GROUPS / 2) * found.round.r;
  }
  return found;
}

/**
 * Two levels of circles in the unit circle: `groups`, the `bodies` of their items, lower by the space for a name, and
 * `items` [group][item]. An item's radius is `scale` times the root of its value.
 */
export function layOut(values, groupCount, itemCount) {
  const most = values.reduce((largest, value) => (Number.isFinite(value) ? Math.max(largest, value) : largest), 0);
  const inside = Array.from({ length: groupCount }, (_, group) => {
    const part = values.slice(group * itemCount, (group + 1) * itemCount);
    const radii = Array.from(part, (value) => itemRadius(value, most) + BETWEEN_ITEMS);
    return packOrdered(radii, Array.from(radii.keys()).sort((a, b) => radii[b] - radii[a] || a - b));
  });
  const { circles: outer, round } = packGroups(inside.map((one) => one.round));
  const unit = round.r || 1;
  const groups = outer.map(({ x, y, r }) => (
    { x: (x - round.x) / unit, y: (y - round.y) / unit, r: Math.max(0, r / unit - BETWEEN_GROUPS / 2) }));
  const bodies = groups.map((group, i) => {
    const r = Math.min(group.r, inside[i].round.r / unit);
    return { x: group.x, y: group.y + group.r - r, r };
  });
  const items = inside.map(({ circles, round: own }, group) => circles.map(({ x, y, r }) => ({
    x: bodies[group].x + (x - own.x) / unit,
    y: bodies[group].y + (y - own.y) / unit,
    r: (r - BETWEEN_ITEMS) / unit,
  })));
  return { groups, bodies, items, most, scale: most > 0 ? 1 / (unit * Math.sqrt(most)) : 0 };
}

/** Where a key leads among `count` things in their order, or -1 for other keys. */
export function moveNumber(number, key, count) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -count, End: count };
  return key in steps ? Math.max(0, Math.min(count - 1, number + steps[key])) : -1;
}

/** The number of the same group among other names, -1 when it is gone. Names may repeat. */
export function sameGroup(number, name, names) {
  return number >= 0 && names[number] === name ? number : names.indexOf(name);
}

/** A round number of one digit, 1, 2 or 5, that is at most `value`. */
export function roundDown(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [5, 2, 1].find((digit) => digit * power <= value * (1 + 1e-9)) * power;
}

/** Two values whose circles show the scale, the radius of the larger at most `widest`; `scale` as of `layOut`. */
export function sampleValues(most, scale, widest) {
  if (!(most > 0) || !(scale > 0)) return [];
  const larger = roundDown(Math.min(most, (widest / scale) ** 2));
  return [larger, larger / 4].map((value) => ({ value, r: scale * Math.sqrt(value) }));
}

/** Two values of the data whose circles show the scale of a power. */
export function sampleExtremes(values, power, scale, widest) {
  const shown = values.filter((value) => value > 0 && scale * Math.sqrt(value ** power) <= widest);
  if (!shown.length) return [];
  const ends = [shown.reduce((a, b) => Math.max(a, b)), shown.reduce((a, b) => Math.min(a, b))];
  return [...new Set(ends)].map((value) => ({ value, r: scale * Math.sqrt(value ** power) }));
}

/** A number for a legend, without zeros at its end. */
export function sayShort(value) {
  return String(Number(value.toPrecision(3)));
}

/** A number with as many decimals as the eye can use. */
export function say(value) {
  return formatValue(value, Math.abs(value) < 1 ? 3 : 2);
}

export function describeGroup(data, group) {
  return `${data.group_title} ${data.groups[group]}`;
}

export function describeItem(data, values, group, item) {
  const value = values[group * data.item_ids.length + item];
  const unit = Number.isFinite(value) ? ` ${data.unit}` : "";
  return `${describeGroup(data, group)}, ${data.item_title} ${data.item_ids[item]}: ${say(value)}${unit}`;
}

/** What has to be known to read the picture. */
export function caption(data, areas, colors, most) {
  const how = data.power === 1 ? "" : ` raised to the power ${say(data.power)}, so that similar values can be told apart`;
  const told = [`The area of a ${data.item_title}'s circle is proportional to its value${how};`
    + ` the circle of a ${data.group_title} only holds its ${data.item_title}s.`];
  const least = leastTrueValue(most);
  if (areas.some((area) => Number.isFinite(area) && area <= least)) {
    told.push(`Hollow: ${most > 0 ? "at most " : ""}${say(least ** (1 / data.power))} ${data.unit}, too small to draw to scale.`);
  }
  if ([areas, colors].some((numbers) => numbers.some((one) => !Number.isFinite(one)))) told.push("Hatched: no value.");
  return told.join(" ");
}
