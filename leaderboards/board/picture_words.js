// What stands under the picture: its legend, the front as a list, and who is not in it.
function drawLegend(points, x, y, rows) {
  const dot = (kind, text) => make("span", {}, make("span", { class: `dot ${kind}`, "aria-hidden": "true" }), text);
  const kinds = { front: STANDINGS.front, open: OPEN, undecided: STANDINGS.undecided, dominated: STANDINGS.dominated };
  const counts = Object.keys(kinds).map((kind) =>
    [kind, points.filter((point) => (isOpen(point) ? "open" : point.standing) === kind).length]);
  const parts = counts.filter(([, count]) => count).map(([kind, count]) => dot(kind, `${kinds[kind]}: ${count}`));
  const marks = new Set(points.flatMap((point) => point.marks.map((mark) => mark.kind)));
  if (marks.size) {
    const meanings = Object.entries(DATA.words).filter(([kind]) => marks.has(kind)).map(([, meaning]) => meaning);
    parts.push(dot("marked", `with a mark: ${meanings.join("; ")}`));
  }
  if (state.area && rows.some((row) => parametersOf(row) > 0)) {
    parts.push(make("span", {}, "area: number of parameters"));
  }
  const groups = new Set(points.map((point) => point.group)).size;
  if (groups > 1) {
    parts.push(make("span", {}, `${groups} machines or settings: models of different ones are not held against each other, each has its own front`));
  }
  if (rows.some((row) => !spreadKnown(x, row) || !spreadKnown(y, row))) {
    parts.push(make("span", {}, "some numbers have no interval: how far they are from the others is not known"));
  }
  byId("legend").replaceChildren(...parts);
  drawOmitted(x, y);
}

function drawOmitted(x, y) {
  const omitted = view.order.filter((row) => !has(x, row) || !has(y, row));
  const box = byId("omitted");
  box.hidden = !omitted.length;
  box.querySelector("summary").textContent = `Not in this picture for a missing number: ${omitted.length}`;
  box.querySelector("ul").replaceChildren(...omitted.slice(0, 50).map((row) => {
    const reasons = [y, x].filter((column) => !has(column, row)).map((column) => `${nameOf(column)}: ${column.why(row)}`);
    return make("li", {}, make("b", {}, isolated(labelOf(row))), " ", [...new Set(reasons)].join("; "));
  }));
}

function drawList(points, x, y) {
  const box = byId("front");
  const seen = points.filter((point) => point.standing !== "dominated" || point.chance > 0)
    .sort((a, b) => (b.chance ?? -1) - (a.chance ?? -1) || x.value[a.row] - x.value[b.row] || a.row - b.row);
  const rest = seen.length - MOST_LISTED;
  box.hidden = !seen.length;
  byId("front-summary").textContent = `Who may be on the front: ${seen.length} of ${plural(points.length, "model", "models")}`;
  const heading = (text) => make("th", { scope: "col" }, text);
  box.querySelector("thead").replaceChildren(make("tr", {}, heading("Model"),
    heading("On the front"), heading(axisName(y)), heading(axisName(x))));
  box.querySelector("tbody").replaceChildren(...seen.slice(0, MOST_LISTED).map((point) => make("tr", {},
    make("th", { scope: "row" }, isolated(labelOf(point.row))),
    make("td", {}, point.chance === null ? "by its values; how likely is not known" : `${percent(point.chance)} of draws`),
    make("td", {}, withInterval(y, point.row)), make("td", {}, withInterval(x, point.row)))),
  ...(rest > 0 ? [make("tr", {}, make("td", { colspan: 4 }, `and ${rest} others`))] : []));
}

// Arrow keys go from point to point, from the cheapest on.
function startPointKeys() {
  stage?.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.classList.contains("point")) return;
    event.preventDefault();
    const all = [...stage.querySelectorAll(".point")]
      .sort((a, b) => a.getAttribute("cx") - b.getAttribute("cx") || a.getAttribute("cy") - b.getAttribute("cy"));
    const next = all[all.indexOf(event.target) + step];
    if (!next) return;
    event.target.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
