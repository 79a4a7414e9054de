// The Pareto front of two axes, and how likely each point is to be on it.
const DRAWS = 400;

// A small generator with a seed (mulberry32): the same picture gives the same probabilities.
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function hashOf(text) {
  let hash = 2166136261;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 16777619);
  return hash >>> 0;
}

const normal = (random) =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

// Standard errors that a two-sided normal interval reaches: 1.96 for 95 % (Abramowitz and
// Stegun 26.2.23, wrong by less than 0.0005).
function reachOf(level) {
  const tail = Math.sqrt(-2 * Math.log((1 - level) / 2));
  const above = 2.515517 + 0.802853 * tail + 0.010328 * tail ** 2;
  return tail - above / (1 + 1.432788 * tail + 0.189269 * tail ** 2 + 0.001308 * tail ** 3);
}

// Indexes of `gains` that no other beats; equals do not beat each other.
function frontOf(gains) {
  const order = gains.map((_, index) => index)
    .sort((a, b) => gains[b][0] - gains[a][0] || gains[b][1] - gains[a][1]);
  const front = [];
  let last = null;
  for (const index of order) {
    const gain = gains[index];
    if (last === null || gain[1] > last[1] || (gain[0] === last[0] && gain[1] === last[1])) {
      front.push(index);
      last = gain;
    }
  }
  return front;
}

// Whether the front of `others` beats a gain: a binary search along its staircase.
function beatenBy(stairs, gain) {
  // Stairs fall on the first axis and rise on the second: find the last that is as good on it.
  let [from, to] = [0, stairs.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (stairs[middle][0] >= gain[0]) from = middle + 1; else to = middle;
  }
  if (from === 0) return false;
  const rival = stairs[from - 1];
  if (rival[1] > gain[1]) return true;
  return rival[1] === gain[1] && rival[0] > gain[0];
}

// One point of an axis as gains: more is better, `spread` is one standard error either way.
function gainOf(column, row, better) {
  const sign = better > 0 ? 1 : -1;
  const value = sign * column.value[row];
  const ends = [sign * lowOf(column, row), sign * highOf(column, row)];
  const reach = reachOf(column.level(row));
  const [worst, best] = sign > 0 ? ends : [ends[1], ends[0]];
  return { value, worst, best, down: (value - worst) / reach, up: (best - value) / reach };
}

// Give each row its standing and its probability among the rows of its group.
function judge(rows, x, y) {
  const [xBetter, yBetter] = [x.better || -1, y.better || 1];
  const groups = new Map();
  for (const row of rows) {
    const group = x.host || y.host ? hostOf(row) : 0;
    if (!groups.has(group)) groups.set(group, []);
    const point = { row, group, x: gainOf(x, row, xBetter), y: gainOf(y, row, yBetter) };
    groups.get(group).push({ ...point, standing: "dominated", chance: 0 });
  }
  const random = seeded(hashOf(`${x.id} ${y.id}`));
  for (const points of groups.values()) {
    standings(points);
    chances(points, random);
    for (const point of points) {
      if (!spreadKnown(x, point.row) || !spreadKnown(y, point.row)) point.chance = null;
    }
  }
  return [...groups.values()].flat();
}

function standings(points) {
  // The kindest reading for a point: its own best ends against the worst ends of the others.
  const worst = points.map((point) => [point.x.worst, point.y.worst]);
  const stairs = frontOf(worst).map((index) => worst[index]);
  for (const point of points) {
    if (!beatenBy(stairs, [point.x.best, point.y.best])) point.standing = "undecided";
  }
  const values = points.map((point) => [point.x.value, point.y.value]);
  for (const index of frontOf(values)) points[index].standing = "front";
}

function chances(points, random) {
  // Beaten by four standard errors on both axes: no draw would put it on the front.
  const far = (axis, side) => axis.value + (side > 0 ? 4 * axis.up : -4 * axis.down);
  const worst = points.map((point) => [far(point.x, -1), far(point.y, -1)]);
  const stairs = frontOf(worst).map((index) => worst[index]);
  const open = points.filter((point) => !beatenBy(stairs, [far(point.x, 1), far(point.y, 1)]));
  const draw = (axis) => {
    const size = normal(random);
    return axis.value + size * (size > 0 ? axis.up : axis.down);
  };
  for (let turn = 0; turn < DRAWS; turn += 1) {
    for (const index of frontOf(open.map((point) => [draw(point.x), draw(point.y)]))) {
      open[index].chance += 1 / DRAWS;
    }
  }
  for (const point of open) point.chance = Math.min(1, Math.round(point.chance * DRAWS) / DRAWS);
}
