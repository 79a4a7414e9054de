// Search, facets and budgets: which models are left, and which of them the numbers recommend.
const view = { order: [], over: [], missing: [] };
const SEARCHED = ["model", "architecture", "dtype", "quantization", "device", "hardware", "origins"];
let haystacks = null;
function haystackOf(row) {
  // Made when somebody searches: the first view needs none.
  haystacks ??= ROWS.map((each) =>
    [labelOf(each), ...SEARCHED.map((name) => rowText(name, each))].join("\n").toLowerCase());
  return haystacks[row];
}

// Every word must be found; a word after a minus sign must not.
function matches(row, words) {
  const found = words.every((word) => (word.length > 1 && word.startsWith("-")
    ? !haystackOf(row).includes(word.slice(1)) : haystackOf(row).includes(word)));
  return found && FACETS.every((name) =>
    state.facets[name] === undefined || rowText(name, row) === state.facets[name]);
}

const isFloor = (column) => column.better > 0;
const within = (column, row, limit) =>
  (isFloor(column) ? column.value[row] >= limit : column.value[row] <= limit);
// The value is within the budget, but its interval reaches out of it.
const isClose = (column, row, limit) =>
  (isFloor(column) ? lowOf(column, row) < limit : highOf(column, row) > limit);

function choose() {
  const limits = [...state.budgets].map(([id, limit]) => [columnOf(id), limit]);
  Object.assign(view, { order: [], over: [], missing: [] });
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of ROWS) {
    if (!matches(row, words)) continue;
    const lacking = limits.filter(([column]) => !has(column, row)).map(([column]) => column);
    if (limits.some(([column, limit]) => has(column, row) && !within(column, row, limit))) {
      view.over.push(row);
    } else if (lacking.length) {
      view.missing.push([row, lacking]);
    } else {
      view.order.push(row);
    }
  }
  sortRows();
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
let namePlaces = null;
function namePlace(row) {
  // The order of all names is found once: comparing names is much slower than numbers.
  if (namePlaces === null) {
    namePlaces = new Int32Array(COUNT);
    [...ROWS].sort((a, b) => collator.compare(labelOf(a), labelOf(b)) || a - b)
      .forEach((one, place) => { namePlaces[one] = place; });
  }
  return namePlaces[row];
}

function sortRows() {
  const sign = state.up ? 1 : -1;
  if (state.sort === "@model") {
    view.order.sort((a, b) => sign * (namePlace(a) - namePlace(b)));
    return;
  }
  const { value } = columnOf(state.sort);
  view.order.sort((a, b) => {
    const [one, other] = [value[a], value[b]];
    // What was not measured stands last in both directions: it is neither best nor worst.
    const [lacks, otherLacks] = [Number.isNaN(one), Number.isNaN(other)];
    if (lacks || otherLacks) return lacks - otherLacks || a - b;
    return sign * (one - other) || a - b;
  });
}

// The best score among those that meet all budgets, those the data can't tell from it, and what
// stands in the way of a plain answer.
function recommendation() {
  const scored = view.order.filter((row) => has(SCORE, row));
  if (!scored.length) return null;
  const best = scored.reduce((one, other) => (SCORE.value[other] > SCORE.value[one] ? other : one));
  const others = scored.filter((row) => row !== best);
  return {
    best,
    ties: others.filter((row) => isRanked(row) && isRanked(best) && isTie(row, best)),
    unsure: others.filter((row) => !isRanked(row) || !isRanked(best)),
    apart: others.filter((row) => SCORE.kinds[row] !== SCORE.kinds[best]),
    unscored: view.order.filter((row) => !has(SCORE, row)),
    close: [...state.budgets].map(([id, limit]) => [columnOf(id), limit])
      .filter(([column, limit]) => isClose(column, best, limit)).map(([column]) => column),
    hosts: new Set(scored.map(hostOf)).size,
  };
}
