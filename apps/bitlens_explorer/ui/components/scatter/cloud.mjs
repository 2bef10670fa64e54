// A cloud of points in three dimensions that the user turns, and the density of points; nothing here needs a browser.

const STEP = 5; // degrees for an arrow key
const DEGREES = Math.PI / 180;

/** The cloud of a payload with three dimensions: coordinates about the middle of each, in one scale for all. */
export function cloudOf({ low, high, points }, values) {
  const coordinates = Float32Array.from(values, (unit, i) => {
    const dimension = Math.floor(i / points);
    return (unit - 0.5) * (high[dimension] - low[dimension]);
  });
  let radius = 0;
  for (let i = 0; i < points; i += 1) {
    const length = Math.hypot(...[0, 1, 2].map((dimension) => coordinates[dimension * points + i]));
    if (length > radius) radius = length;
  }
  return { coordinates, count: points, radius: radius || 1, turn: 30, tilt: 20 };
}

/** A cloud in a plot: the seen directions become its dimensions, and the angles of the last cloud stay. */
export function startCloud(header, points, former) {
  const { names, low, high } = header;
  const cloud = { ...cloudOf(header, points.values), names, low, high, units: points.values };
  if (former) Object.assign(cloud, { turn: former.turn, tilt: former.tilt });
  const ends = [cloud.radius, cloud.radius];
  Object.assign(header, { names: ["across", "up"], low: ends.map((end) => -end), high: ends });
  points.values = seenCloud(cloud);
  return cloud;
}

/** The cloud as it is seen, in units from 0 to 1: all values across, then all values up. */
export function seenCloud({ coordinates, count, radius, turn, tilt }) {
  const [cosTurn, sinTurn] = [Math.cos(turn * DEGREES), Math.sin(turn * DEGREES)];
  const [cosTilt, sinTilt] = [Math.cos(tilt * DEGREES), Math.sin(tilt * DEGREES)];
  const seen = new Float32Array(2 * count);
  for (let i = 0; i < count; i += 1) {
    const [x, y, z] = [coordinates[i], coordinates[count + i], coordinates[2 * count + i]];
    const depth = cosTurn * z - sinTurn * x;
    seen[i] = 0.5 + (cosTurn * x + sinTurn * z) / (2 * radius);
    seen[count + i] = 0.5 + (cosTilt * y - sinTilt * depth) / (2 * radius);
  }
  return seen;
}

/** The angles after a movement of the pointer by some pixels: half a turn for the width of the plots. */
export function draggedAngles({ turn, tilt }, right, down, width) {
  const perPixel = 180 / width;
  return turnedAngles(turn + right * perPixel, tilt + down * perPixel);
}

/** The angles after an arrow key. */
export function steppedAngles({ turn, tilt }, [right, down]) {
  return turnedAngles(turn - STEP * right, tilt - STEP * down);
}

function turnedAngles(turn, tilt) {
  return { turn: ((turn % 360) + 360) % 360, tilt: Math.max(-90, Math.min(90, tilt)) };
}

/** The number of points in each of `bins` x `bins` equal squares of a plot, row by row from the top. */
export function countBins(across, up, bins) {
  const counts = new Uint32Array(bins * bins);
  const place = (unit) => Math.min(bins - 1, Math.floor(unit * bins));
  for (let i = 0; i < across.length; i += 1) {
    const [x, y] = [across[i], 1 - up[i]];
    if (x >= 0 && x <= 1 && y >= 0 && y <= 1) counts[place(y) * bins + place(x)] += 1;
  }
  return counts;
}

/** How dark a square of `count` points is, from 0 to 1 on a logarithmic scale. */
export function binShade(count, most) {
  return count === 0 ? 0 : 0.08 + (0.92 * Math.log(count)) / Math.max(Math.log(most), Math.LN2);
}
