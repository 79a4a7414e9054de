// The trade-off picture: two chosen columns, their error bars, the front and who may be on it.
const MOST_LABELS = 40, MOST_BARS = 80, MOST_LISTED = 24;
const STANDINGS = {
  front: "on the Pareto front",
  undecided: "behind the front, but within the error bars",
  dominated: "beaten on both axes, even within the error bars",
};
// A place on the front that the data leaves open is not drawn as one that it shows.
const SURE = 0.95, OPEN = "on the front by value, but others may be there instead";
const isOpen = (point) => point.standing === "front" && !(point.chance !== null && point.chance >= SURE);
const standingOf = (point) => (isOpen(point) ? OPEN : STANDINGS[point.standing]);
const stage = byId("stage");

function drawPicture() {
  if (!stage) return;
  const [x, y] = [columnOf(state.x), columnOf(state.y)];
  if (!x || !y) { stage.replaceChildren(make("p", { class: "empty" }, "There are no numbers to draw.")); return; }
  const rows = view.order.filter((row) => has(x, row) && has(y, row));
  const points = judge(rows, x, y);
  findMarked(points, x, y);
  drawLegend(points, x, y, rows);
  drawList(points, x, y);
  if (!rows.length) {
    stage.replaceChildren(make("p", { class: "empty" }, "No model that is left has both numbers."));
    return;
  }
  const width = Math.round(Math.min(1120, Math.max(300, stage.clientWidth || 880)));
  const height = width < 560 ? 400 : 440;
  const plot = { left: 62, top: 34, right: width - 18, bottom: height - 54 };
  const across = scaleOf(x, rows, [plot.left, plot.right], width < 560 ? 3 : 7, wantsLog(x, rows, state.xLog));
  const upward = scaleOf(y, rows, [plot.bottom, plot.top], 6, wantsLog(y, rows, state.yLog));
  const spots = points.map((point) => ({
    ...point, x: across.place(x.value[point.row]), y: upward.place(y.value[point.row]),
    radius: radiusOf(point.row, rows),
  }));
  const svg = draw("svg", {
    class: "tradeoff", viewBox: `0 0 ${width} ${height}`, role: "group",
    "aria-label": summaryOf(points, x, y),
  });
  const fronts = frontLines(spots, x, y);
  const bars = errorBars(spots, x, y, across, upward);
  svg.append(...axes(x, y, across, upward, plot, width),
    ...fronts.map((line) => draw("path", { class: "front-line", d: strokeOf(line) })),
    ...bars.map(([spot, ends]) => lineOf4(ends, `bar ${spot.standing}`)),
    ...labels(spots, plot, bars, fronts),
    // The front is drawn last, so that no dimmed point covers it.
    ...[...spots].sort((a, b) => order(a) - order(b)).map((spot) => marker(spot, x, y)));
  stage.replaceChildren(svg);
  const first = svg.querySelector(".point");
  if (first) first.setAttribute("tabindex", "0");
}

const order = (spot) => ["dominated", "undecided", "front"].indexOf(spot.standing);
const px = (value) => value.toFixed(1);
const strokeOf = (line) => `M${line.map(([x, y]) => `${px(x)} ${px(y)}`).join("L")}`;
const lineOf4 = ([x1, y1, x2, y2], kind) =>
  draw("line", { class: kind, x1: px(x1), y1: px(y1), x2: px(x2), y2: px(y2) });

let largest = null;
function radiusOf(row, rows) {
  if (!state.area) return 5.5;
  if (largest === null) largest = spanOf(ROWS.map(parametersOf).filter((size) => size > 0))[1];
  const size = parametersOf(row);
  // The area is what a reader compares, so the root goes into the radius.
  if (!(size > 0)) return 4.5;
  return Math.max(3.5, (rows.length > 80 ? 9 : 15) * Math.sqrt(size / largest));
}

function axes(x, y, across, upward, plot, width) {
  const parts = [];
  for (const tick of across.ticks) {
    const at = px(across.place(tick));
    parts.push(draw("line", { class: "grid", x1: at, x2: at, y1: plot.top, y2: plot.bottom }),
      draw("text", { class: "tick", x: at, y: plot.bottom + 18, "text-anchor": "middle" }, formatValue(tick, x.unit)));
  }
  for (const tick of upward.ticks) {
    const at = upward.place(tick);
    parts.push(draw("line", { class: "grid", x1: plot.left, x2: plot.right, y1: px(at), y2: px(at) }),
      draw("text", { class: "tick", x: plot.left - 8, y: px(at + 4), "text-anchor": "end" }, formatValue(tick, y.unit)));
  }
  const room = Math.floor(width / 7.5);
  const name = (column, isLog, better, arrows) => {
    const kind = `${better > 0 ? "more" : "less"} is better${isLog ? ", log scale" : ""}`;
    return `${better > 0 ? arrows[0] : arrows[1]} ${cut(axisName(column), room - kind.length - 6)} (${kind})`;
  };
  parts.push(
    draw("line", { class: "axis", x1: plot.left, x2: plot.right, y1: plot.bottom, y2: plot.bottom }),
    draw("text", { class: "axis-name", x: 4, y: 16 }, name(y, upward.isLog, y.better || 1, "↑↓")),
    draw("text", { class: "axis-name", x: plot.right, y: plot.bottom + 42, "text-anchor": "end" },
      name(x, across.isLog, x.better || -1, "→←")));
  return parts;
}

const axisName = (column) =>
  (column.id.startsWith("@") ? (column === SCORE ? `${column.metric}, ${column.task}` : column.metric) : pathOf(column));
const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, Math.max(8, most - 1))}…`);

function frontLines(spots, x, y) {
  const lines = [];
  for (const group of new Set(spots.map((spot) => spot.group))) {
    const members = spots.filter((spot) => spot.group === group && spot.standing === "front")
      .sort((a, b) => (x.better > 0 ? b.x - a.x : a.x - b.x) || b.y - a.y);
    const corners = [];
    // A staircase: with a given budget this is what can be reached.
    for (const spot of members) {
      if (corners.length) corners.push([spot.x, corners.at(-1)[1]]);
      corners.push([spot.x, spot.y]);
    }
    if (members.length > 1) lines.push(corners);
  }
  return lines;
}

function errorBars(spots, x, y, across, upward) {
  const seen = spots.length > MOST_BARS ? spots.filter((spot) => spot.standing !== "dominated") : spots;
  return seen.flatMap((spot) => [
    ...(hasInterval(x, spot.row)
      ? [[spot, [across.place(x.low[spot.row]), spot.y, across.place(x.high[spot.row]), spot.y]]] : []),
    ...(hasInterval(y, spot.row)
      ? [[spot, [spot.x, upward.place(y.high[spot.row]), spot.x, upward.place(y.low[spot.row])]]] : []),
  ]);
}

const marksAt = (point, x, y) => [...x.marks(point.row), ...y.marks(point.row)];
// A point is drawn as marked where it was not measured here, or has a mark that most points lack.
const ALWAYS_MARKED = ["estimated", "published", "imported", "fallback"];
function findMarked(points, x, y) {
  const counts = new Map();
  for (const point of points) {
    for (const badge of new Set(marksAt(point, x, y).map((mark) => mark.badge))) counts.set(badge, (counts.get(badge) ?? 0) + 1);
  }
  for (const point of points) {
    point.marks = marksAt(point, x, y)
      .filter((mark) => ALWAYS_MARKED.includes(mark.kind) || 2 * counts.get(mark.badge) <= points.length);
  }
}

function marker(spot, x, y) {
  const kind = `point ${spot.standing}${isOpen(spot) ? " open" : ""}${spot.marks.length ? " marked" : ""}`;
  const circle = draw("circle", {
    class: kind, cx: px(spot.x), cy: px(spot.y), r: px(spot.radius), role: "img", tabindex: "-1",
    "aria-label": pointText(spot, x, y).replaceAll("\n", "; "),
  });
  return withTip(circle, () => pointText(spot, x, y));
}

function pointText(point, x, y) {
  const { row } = point;
  const marks = new Map(marksAt(point, x, y).map((mark) => [mark.badge, mark.meaning]));
  const origins = new Set([x.origin(row), y.origin(row)].filter(Boolean));
  return [labelOf(row), `${axisName(y)}: ${withInterval(y, row)}`, `${axisName(x)}: ${withInterval(x, row)}`,
    standingOf(point),
    point.chance === null ? "how likely it is on the front is not known: a number has no interval"
      : `on the front in ${percent(point.chance)} of ${DRAWS} draws`,
    ...[...marks].map(([badge, meaning]) => `${badge}: ${meaning}`), ...lineOf("from: ", [...origins].join("; "))].join("\n");
}

function labels(spots, plot, bars, fronts) {
  const named = spots.length > 60 ? spots.filter((spot) => spot.standing !== "dominated") : spots;
  const ordered = [...named].sort((a, b) => order(b) - order(a) || a.x - b.x || a.y - b.y).slice(0, MOST_LABELS);
  const asked = ordered.map((spot) => {
    const chance = spot.standing === "dominated" || spot.chance === null ? "" : ` ${percent(spot.chance)}`;
    const text = cut(labelOf(spot.row), 30) + chance;
    return { ...spot, text, width: text.length * FONT_PX * (spot.standing === "front" ? 0.66 : 0.6) };
  });
  const lines = fronts.flatMap((line) => line.slice(1).map(([x, y], at) => [line[at][0], line[at][1], x, y]));
  const soft = [...bars.map(([, ends]) => ends), ...lines].map(([x1, y1, x2, y2]) =>
    [Math.min(x1, x2) - 1, Math.min(y1, y2) - 1, Math.max(x1, x2) + 1, Math.max(y1, y2) + 1]);
  const room = [plot.left + 2, plot.top - 10, plot.right + 12, plot.bottom - 2];
  const places = placeLabels(asked, spots, room, soft);
  return asked.flatMap((spot, at) => (places[at] ? labelParts(spot, places[at]) : []));
}

function labelParts(spot, { box, distant }) {
  const [left, top, right, bottom] = box;
  const side = right < spot.x ? [right, "end"] : left < spot.x ? [(left + right) / 2, "middle"] : [left, "start"];
  const text = draw("text", {
    class: `label ${spot.standing}`, x: px(side[0]), y: px(bottom - 4), "text-anchor": side[1], "aria-hidden": "true",
  }, spot.text);
  const nearest = [Math.min(Math.max(spot.x, left), right), Math.min(Math.max(spot.y, top), bottom)];
  return distant ? [lineOf4([spot.x, spot.y, ...nearest], "lead"), text] : [text];
}

function summaryOf(points, x, y) {
  const front = points.filter((point) => point.standing === "front").map(({ row }) => labelOf(row));
  return `${axisName(y)} against ${axisName(x)}, ${plural(points.length, "model", "models")}. On the Pareto front: ${listed(front, 12)}.`;
}
