// One score from the columns a reader cares for, with its interval and what rank it can have.
const CAPABILITIES = COLUMNS.filter((column) =>
  column.role === "capability" && column.better !== 0 && !column.host && isMeasured(column));

function defaultWeights() {
  const mean = CAPABILITIES.find((column) => column.derived);
  if (mean) return new Map([[mean.id, 1]]);
  const measured = (column) => column.value.reduce((sum, value) => sum + !Number.isNaN(value), 0);
  const upward = CAPABILITIES.filter((column) => column.better > 0);
  const best = (upward.length ? upward : CAPABILITIES)
    .reduce((one, other) => (one && measured(one) >= measured(other) ? one : other), null);
  return new Map(best ? [[best.id, 1]] : []);
}

// How a column becomes a share from 0 (worst) to 1: shares stay as they are, other units are put
// between the lowest and the highest model of the board.
const shares = new Map();
function shareOf(column) {
  if (shares.has(column.id)) return shares.get(column.id);
  const seen = ROWS.filter((row) => has(column, row));
  const [least, most] = spanOf(seen.map((row) => column.value[row]));
  const isShare = least >= 0 && most <= 1 && (column.unit === "" || column.unit === "1");
  const [from, width] = isShare ? [0, 1] : [least, most - least || 1];
  const share = column.better > 0
    ? { slope: 1 / width, start: -from / width, isShare }
    : { slope: -1 / width, start: 1 + from / width, isShare };
  shares.set(column.id, share);
  return share;
}

function spanOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

const SCORE = {
  id: "@score", suite: "score", task: "", metric: "score", unit: "", scorer: "", better: 1,
  derived: true, host: false, role: "capability", budget: "", note: "",
  value: new Float64Array(COUNT), low: new Float64Array(COUNT), high: new Float64Array(COUNT),
  ranks: new Array(COUNT), firsts: new Float64Array(COUNT), lasts: new Float64Array(COUNT),
  sizes: new Float64Array(COUNT), parts: [], paired: new Uint8Array(COUNT), kinds: new Array(COUNT).fill(""),
  first: (row) => SCORE.firsts[row], last: (row) => SCORE.lasts[row], among: (row) => SCORE.sizes[row],
  origin: (row) => [...new Set(SCORE.parts.map(([column]) => column.origin(row)))].filter(Boolean).join("; "),
  level: (row) => (SCORE.parts.length === 1 ? SCORE.parts[0][0].level(row) : 0.95),
  why: (row) => SCORE.parts.filter(([column]) => !has(column, row))
    .map(([column]) => `${nameOf(column)}: ${column.why(row)}`).join("; ") || "no weight is given",
  marks: (row) => [...new Map(SCORE.parts.flatMap(([column]) => column.marks(row))
    .map((mark) => [mark.badge, mark])).values()],
  rank: (row) => SCORE.ranks[row], failed: () => false,
  facts: (row) => [rankWords(row), `made of: ${SCORE.note}`, ...lineOf("from: ", SCORE.origin(row)),
    ...SCORE.marks(row).map((mark) => `${mark.badge}: ${mark.meaning}`)],
  method: (row) =>
    (SCORE.parts.length === 1 ? SCORE.parts[0][0].method(row) : "normal, independent columns"),
};
SPECIAL.set(SCORE.id, SCORE);

const rankText = (row) => (has(SCORE, row) ? rankOf(SCORE, row) : "no rank");
// What a rank rests on: the same items for all models, or each model's interval for itself.
const rankBasis = (row) => (SCORE.sizes[row] < 2 ? "" : SCORE.paired[row] ? PAIRED
  : hasInterval(SCORE, row) ? OVERLAPPING : UNKNOWN);
const rankWords = (row) => [rankText(row), rankBasis(row)].filter(Boolean).join(", ");

function computeScore(weights) {
  SCORE.parts = [...weights].map(([id, weight]) => [BY_ID.get(id), weight])
    .filter(([column, weight]) => column && weight > 0);
  const total = SCORE.parts.reduce((sum, [, weight]) => sum + weight, 0);
  for (const row of ROWS) scoreRow(row, total);
  SCORE.task = SCORE.parts.length === 1 ? SCORE.parts[0][0].task : "your weights";
  SCORE.metric = SCORE.parts.length === 1 ? SCORE.parts[0][0].metric : "weighted score";
  SCORE.note = SCORE.parts.map(([column, weight]) => `${significant(weight)} × ${nameOf(column)}`)
    .join(", ");
  rankScores();
}

function scoreRow(row, total) {
  SCORE.value[row] = SCORE.low[row] = SCORE.high[row] = NaN;
  if (!total || !SCORE.parts.every(([column]) => has(column, row))) return;
  let [value, down, up] = [0, 0, 0];
  for (const [column, weight] of SCORE.parts) {
    const { slope, start } = shareOf(column);
    const part = weight / total;
    const reach = SCORE.parts.length === 1 ? 1 : reachOf(column.level(row)) / reachOf(0.95);
    const ends = [column.value[row] - column.low[row], column.high[row] - column.value[row]];
    const [below, above] = slope > 0 ? ends : [ends[1], ends[0]];
    value += part * (slope * column.value[row] + start);
    down += (part * slope * below / reach) ** 2;
    up += (part * slope * above / reach) ** 2;
  }
  SCORE.value[row] = value;
  // One column without an interval leaves the score without one: the sums are NaN then.
  SCORE.low[row] = value - Math.sqrt(down);
  SCORE.high[row] = value + Math.sqrt(up);
}

// Rank 2 – 4: one model is certainly better, and at most four can be in front of or at this place.
// The score of one column has the ranks that come with it; any other is ranked by its intervals.
function rankScores() {
  const columns = SCORE.parts.map(([column]) => column);
  const groups = new Map();
  for (const row of ROWS) {
    SCORE.ranks[row] = SCORE.paired[row] = 0;
    if (!has(SCORE, row)) continue;
    const key = SCORE.kinds[row] = knownAs(columns, row);
    if (columns.length === 1 && columns[0].first(row)) { takeRank(columns[0], row); continue; }
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  groups.forEach(rankGroup);
}

function takeRank(column, row) {
  SCORE.firsts[row] = column.first(row);
  SCORE.lasts[row] = column.last(row);
  SCORE.sizes[row] = column.among(row);
  SCORE.ranks[row] = column.rank(row);
  SCORE.paired[row] = 1;
}

// What has no interval can have any rank: how far it is from the others is not known.
const rankLow = (row) => (hasInterval(SCORE, row) ? SCORE.low[row] : -Infinity);
const rankHigh = (row) => (hasInterval(SCORE, row) ? SCORE.high[row] : Infinity);

function rankGroup(rows) {
  const lows = rows.map(rankLow).sort((a, b) => a - b);
  const highs = rows.map(rankHigh).sort((a, b) => a - b);
  const best = rows.reduce((one, other) => (SCORE.value[other] > SCORE.value[one] ? other : one));
  let ties = 0;
  for (const row of rows) {
    SCORE.sizes[row] = rows.length;
    SCORE.firsts[row] = 1 + rows.length - countUpTo(lows, rankHigh(row));
    SCORE.lasts[row] = rows.length - countBelow(highs, rankLow(row));
    if (row === best || !scoresTie(row, best)) continue;
    ties += 1;
    if (hasInterval(SCORE, row)) SCORE.ranks[row] = TIED;
  }
  // The only one of its kind is not the best of anything.
  if (rows.length > 1 && hasInterval(SCORE, best)) SCORE.ranks[best] = ties ? TOP_OF_TIE : BEST;
}

const scoresTie = (one, other) =>
  rankLow(one) <= rankHigh(other) && rankLow(other) <= rankHigh(one);

// Whether the data leaves open which of two is better. Each model was held against the leader item
// by item. Of two others, paired ranks that share no place settle it; where they share one, a model
// that some are shown to beat is tied only if the intervals meet too.
function isTie(row, best) {
  if (!SCORE.paired[row] || !SCORE.paired[best] || SCORE.kinds[row] !== SCORE.kinds[best]) return scoresTie(row, best);
  if (SCORE.ranks[best] === BEST || SCORE.ranks[best] === TOP_OF_TIE) return SCORE.ranks[row] !== 0;
  const shared = SCORE.firsts[row] <= SCORE.lasts[best] && SCORE.firsts[best] <= SCORE.lasts[row];
  return shared && (SCORE.firsts[row] === 1 || scoresTie(row, best));
}
const isRanked = (row) => SCORE.paired[row] === 1 || hasInterval(SCORE, row);

function countBelow(sorted, value) {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] < value) from = middle + 1; else to = middle;
  }
  return from;
}
function countUpTo(sorted, value) {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (sorted[middle] <= value) from = middle + 1; else to = middle;
  }
  return from;
}
