// The table: its head, and of its rows and columns those in sight.
const ROW_PX = 58, VIRTUAL_FROM = 200, SPARE_ROWS = 6;
const board = byId("board"), head = byId("head"), body = byId("body"), scroller = byId("scroll");
let columns = [];
const active = { row: 0, column: 0 };
const drawn = { from: 0, to: 0, left: 0, right: 0 };
const sizes = { key: "", name: 232, widths: [] };
let headKey = "";

const isVirtual = () => view.order.length > VIRTUAL_FROM && !document.documentElement.dataset.printing;

function shownColumns() {
  const score = SCORE.parts.length ? [SCORE] : [];
  return [...score, ...COLUMNS.filter((column) => !state.hidden.has(column.id))];
}

function drawTable() {
  columns = shownColumns();
  const key = columns.map((column) => `${column.id} ${column.metric} ${column.task}`).join("\n");
  // A sort leaves the head as it is, and the focus on it.
  if (key !== headKey) drawHead();
  headKey = key;
  markSorted();
  board.classList.toggle("heat", state.heat);
  byId("heat-key").hidden = !state.heat;
  drawRows();
}

// --- head --------------------------------------------------------------------------------------
function drawHead() {
  const corner = sortHead("@model", "Model", 0);
  corner.classList.add("corner");
  corner.rowSpan = 3;
  const suites = spans((column) => column.suite);
  const tasks = spans((column) => `${column.suite}\n${column.task}`);
  const span = ([column, count, first], text) => make(
    "th", { scope: "colgroup", colspan: count, class: first ? "first" : "" }, isolated(text));
  head.replaceChildren(
    make("tr", { class: "suites" }, corner, ...suites.map((each) => span(each, each[0].suite))),
    make("tr", { class: "tasks" }, ...tasks.map((each) => span(each, each[0].task))),
    make("tr", { class: "metrics" }, ...columns.map((column, at) => {
      const cell = sortHead(column.id, column.metric, column.better);
      if (startsSuite(at)) cell.classList.add("first");
      const direction = { 1: "↑ better", "-1": "↓ better", 0: "" }[column.better];
      const under = make("small", {}, direction);
      if (column.scorer) under.append(make("i", {}, column.scorer));
      cell.append(under);
      return withTip(cell, () => headTip(column));
    })),
  );
  board.setAttribute("aria-colcount", columns.length + 1);
}

const startsSuite = (at) => at === 0 || columns[at].suite !== columns[at - 1].suite;

// Merge equal neighbours: [first column, how many, whether a suite starts here].
function spans(key) {
  const found = [];
  columns.forEach((column, at) => {
    if (at && key(columns[at - 1]) === key(column)) found.at(-1)[1] += 1;
    else found.push([column, 1, startsSuite(at)]);
  });
  return found;
}

function sortHead(id, text, better) {
  const arrow = make("span", { class: "arrow", "aria-hidden": "true" });
  const button = make("button", { type: "button", class: "sort", "data-sort": id }, isolated(text), arrow);
  button.addEventListener("click", () => {
    const bestUp = id === "@model" || better < 0;
    change({ sort: id, up: state.sort === id ? !state.up : bestUp }, "table");
  });
  return make("th", { scope: "col", "aria-sort": "none" }, button);
}

function markSorted() {
  for (const button of head.querySelectorAll(".sort")) {
    const sorted = state.up ? "ascending" : "descending";
    button.parentElement.setAttribute("aria-sort", button.dataset.sort === state.sort ? sorted : "none");
  }
}

function headTip(column) {
  const meaning = {
    1: "Higher is better.", "-1": "Lower is better.", 0: "Neither direction is better.",
  }[column.better];
  return [pathOf(column), meaning, ...lineOf("Scored by ", column.scorer), ...lineOf("", column.note),
    ...(column.host ? ["Belongs to a model on a machine, in its setting: ranked within each machine and setting only."] : []),
  ].join("\n");
}

// --- rows --------------------------------------------------------------------------------------
function drawRows() {
  board.classList.toggle("virtual", isVirtual());
  board.setAttribute("aria-rowcount", view.order.length + 3);
  setWidths();
  tellRanks();
  active.row = Math.min(active.row, Math.max(0, view.order.length - 1));
  active.column = Math.min(active.column, columns.length);
  prepareHeat();
  drawWindow(true);
}

// Before the first frame nothing is scrolled, and asking would lay the whole page out once more.
const sight = () => (isStarting
  ? { top: 0, left: 0, width: window.innerWidth }
  : { top: scroller.scrollTop, left: scroller.scrollLeft, width: scroller.clientWidth });

function windowOf() {
  if (!isVirtual()) return [0, view.order.length];
  const first = Math.max(0, Math.floor(sight().top / ROW_PX) - SPARE_ROWS);
  // The frame is no higher than its style lets it be.
  const count = Math.ceil(0.84 * window.innerHeight / ROW_PX) + (isStarting ? 1 : 2 * SPARE_ROWS);
  return [Math.min(first, Math.max(0, view.order.length - count)), Math.min(view.order.length, first + count)];
}

// Which columns are in sight: [first, one after the last]. Their widths are known in a long table.
function sidesOf() {
  if (!isVirtual()) return [0, columns.length];
  const { left: start, width: seen } = sight(), end = start + seen - sizes.name;
  let [left, right, edge] = [columns.length, 0, 0];
  sizes.widths.forEach((width, at) => {
    if (edge + width > start && edge < end) { left = Math.min(left, at); right = at + 1; }
    edge += width;
  });
  return [Math.max(0, Math.min(left, right) - 1), Math.min(columns.length, right + 1)];
}

function drawWindow(always) {
  const [from, to] = windowOf(), [left, right] = sidesOf();
  const near = Math.abs(from - drawn.from) < SPARE_ROWS / 2 && Math.abs(to - drawn.to) < SPARE_ROWS / 2;
  if (!always && near && left === drawn.left && right === drawn.right) return;
  Object.assign(drawn, { from, to, left, right });
  const hadFocus = body.contains(document.activeElement);
  const rows = [];
  for (let at = from; at < to; at += 1) rows.push(tableRow(view.order[at], at));
  const before = spacer(from), after = spacer(view.order.length - to);
  body.replaceChildren(...[before, ...rows, after].filter(Boolean));
  if (!view.order.length) body.append(nothing());
  const cell = activeCell();
  if (cell) cell.tabIndex = 0;
  if (hadFocus && cell) cell.focus({ preventScroll: true });
}

function spacer(count) {
  if (!count) return null;
  const cell = make("td", { colspan: columns.length + 1 });
  cell.style.height = `${count * ROW_PX}px`;
  return make("tr", { class: "spacer", "aria-hidden": "true" }, cell);
}

const nothing = () => make("tr", { class: "none" },
  make("td", { colspan: columns.length + 1 }, COUNT ? "No model is left." : "There is no model on this board yet."));

function tableRow(row, at) {
  const name = make("th", { scope: "row", "aria-colindex": 1, tabindex: -1 }, isolated(labelOf(row), { class: "name" }));
  const detail = rowDetail(row);
  const status = { failed: "failed jobs", running: "not finished" }[rowText("status", row)];
  if (detail) name.append(make("small", {}, isolated(detail)));
  if (status) name.append(make("span", { class: "badge failed" }, status));
  const line = make("tr", { "aria-rowindex": at + 4 }, withTip(name, () => rowTip(row)));
  const gap = (count) => (count > 0 ? [make("td", { colspan: count, class: "gap" })] : []);
  const { left, right } = drawn;
  line.append(...gap(left), ...columns.slice(left, right).map((column, place) =>
    tableCell(column, row, left + place)), ...gap(columns.length - right));
  return line;
}

const RANK_CLASSES = ["", "best", "tied", "tied highest"];
function tableCell(column, row, place) {
  const first = startsSuite(place);
  const kind = has(column, row) ? "measured" : column.failed(row) ? "failed" : "absent";
  const cell = make("td", { class: `${kind}${first ? " first" : ""}`, "data-name": nameOf(column), "aria-colindex": place + 2, tabindex: -1 });
  withTip(cell, () => tipOf(column, row));
  if (kind !== "measured") {
    cell.append("—", make("span", { class: "hidden-text" }, ` not measured: ${column.why(row)}`));
    if (kind === "failed") cell.append(make("span", { class: "badge failed" }, "failed"));
    return cell;
  }
  for (const mark of column.marks(row)) {
    cell.append(make("span", { class: `badge ${mark.kind}` }, isolated(mark.badge)), " ");
  }
  cell.append(make("span", { class: "value" }, valueText(column, row)));
  const rank = column.rank(row);
  if (rank) {
    cell.classList.add(...RANK_CLASSES[rank].split(" "));
    cell.append(make("span", { class: "hidden-text" }, rank === BEST ? " (best)" : " (tied with the best)"));
  }
  const interval = intervalText(column, row);
  cell.append(make("small", {}, interval || noInterval(column)));
  if (column === SCORE) cell.append(make("small", { class: "rank" }, rankText(row)));
  if (state.heat) cell.classList.add(...heatClass(column, row));
  return cell;
}

// What the ranks under the scores rest on, said once beside the table.
function tellRanks() {
  const bases = new Set(view.order.filter((row) => has(SCORE, row)).map(rankBasis));
  const words = [PAIRED, OVERLAPPING, UNKNOWN].filter((basis) => bases.has(basis));
  byId("rank-key").textContent = !words.length ? "" : words.length > 1 || words[0] !== UNKNOWN
    ? `ranks: ${words.filter((basis) => basis !== UNKNOWN).join(", else ")}` : "ranks: any, as no score has an interval";
}

// In a long table the columns may not jump while it scrolls: their widths come from a few rows.
function setWidths() {
  const group = byId("widths");
  const key = isVirtual() ? `${headKey} ${window.innerWidth <= 640}` : "";
  if (key === sizes.key) return;
  sizes.key = key;
  if (!key) { group.replaceChildren(); board.style.width = ""; return; }
  const step = Math.max(1, Math.floor(view.order.length / 24));
  const seen = view.order.filter((_, at) => at % step === 0);
  const widths = columns.map((column) => {
    const texts = seen.filter((row) => has(column, row)).map((row) => Math.max(
      8.2 * valueText(column, row).length + column.marks(row).reduce((sum, mark) => sum + 18 + 6.4 * mark.badge.length, 0),
      6.6 * intervalText(column, row).length));
    return Math.ceil(Math.max(96, 30 + 7.2 * Math.min(24, column.metric.length), 36 + Math.max(0, ...texts)));
  });
  const name = window.innerWidth <= 640 ? 128 : 232;
  Object.assign(sizes, { name, widths });
  const col = (px) => { const made = make("col"); made.style.width = `${px}px`; return made; };
  group.replaceChildren(col(name), ...widths.map(col));
  board.style.width = `${widths.reduce((sum, width) => sum + width, name)}px`;
}
