// What the reader chose. It lives in the address, so that a link or a bookmark keeps the view.
const AXES = [...COLUMNS, PARAMETERS].filter(isMeasured);
const resourceFirst = AXES.find((column) => column.id === DATA.axis)
  ?? AXES.find((column) => column.role === "resource" && column.budget)
  ?? AXES.find((column) => column.role === "resource") ?? AXES[0];
const FACETS = ["dtype", "quantization", "hardware", "device"].filter((name) => {
  const values = new Set(ROWS.map((row) => rowText(name, row)));
  return values.size > 1 && values.size <= 30;
});

const KINDS = ["memory", "time per output token", "energy", "cost", "toxicity"];
const BUDGETED = COLUMNS.filter((column) => column.budget)
  .sort((a, b) => KINDS.indexOf(a.budget) - KINDS.indexOf(b.budget));

// Without a score: another capability, or another of the resources a buyer names.
const others = [...AXES.filter((column) => column.role === "capability"), ...BUDGETED.filter(isMeasured), ...AXES];
const secondAxis = others.find((column) => column !== resourceFirst) ?? AXES[0];

function defaultState() {
  const weights = defaultWeights();
  const mean = COLUMNS.find((column) => column.derived && weights.has(column.id));
  return {
    query: "", facets: {}, sort: "@score", up: false, heat: false, theme: "auto", device: "",
    // The score stands in front: its own column would show the same numbers again.
    hidden: new Set(mean ? [mean.id] : []),
    budgets: new Map(), sliders: BUDGETED.map(({ id }) => id),
    weights, x: resourceFirst?.id ?? "", y: weights.size ? "@score" : secondAxis?.id ?? "",
    xLog: null, yLog: null, area: true,
  };
}

let state = defaultState();

const sameMap = (one, other) =>
  one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
const sameSet = (one, other) => one.size === other.size && [...one].every((key) => other.has(key));

function stateText() {
  const plain = defaultState();
  const written = new URLSearchParams();
  const put = (name, value, usual) => { if (value !== usual) written.append(name, value); };
  put("q", state.query, "");
  for (const name of FACETS) put(`f.${name}`, state.facets[name] ?? "", "");
  put("sort", state.sort, plain.sort);
  put("up", state.up ? "1" : "0", "0");
  put("heat", state.heat ? "1" : "0", "0");
  put("theme", state.theme, "auto");
  put("device", state.device, "");
  if (!sameSet(state.hidden, plain.hidden)) {
    written.append("columns", "chosen");
    for (const id of state.hidden) written.append("hide", id);
  }
  for (const id of state.sliders) {
    if (!plain.sliders.includes(id)) written.append("slider", id);
  }
  for (const [id, limit] of state.budgets) written.append("b", `${limit} ${id}`);
  if (!sameMap(state.weights, plain.weights)) {
    written.append("weights", "chosen");
    for (const [id, weight] of state.weights) written.append("w", `${weight} ${id}`);
  }
  put("x", state.x, plain.x);
  put("y", state.y, plain.y);
  for (const name of ["xLog", "yLog"]) {
    if (state[name] !== null) written.append(name, state[name] ? "1" : "0");
  }
  put("area", state.area ? "1" : "0", "1");
  return written.toString();
}

// A fragment comes from anywhere: what names no column of this board, or no number, is left out.
function readState(fragment) {
  const read = new URLSearchParams(fragment);
  const next = defaultState();
  const known = (id) => columnOf(id) !== undefined;
  const pairs = (name) => read.getAll(name)
    .map((text) => [text.slice(text.indexOf(" ") + 1), Number(text.split(" ")[0])])
    .filter(([id, number]) => known(id) && Number.isFinite(number));
  next.query = (read.get("q") ?? "").slice(0, 200);
  for (const name of FACETS) {
    const value = read.get(`f.${name}`);
    if (ROWS.some((row) => rowText(name, row) === value)) next.facets[name] = value;
  }
  const sort = read.get("sort");
  if (sort === "@model" || known(sort)) next.sort = sort;
  next.up = read.get("up") === "1";
  next.heat = read.get("heat") === "1";
  if (["light", "dark"].includes(read.get("theme"))) next.theme = read.get("theme");
  if (read.has("columns")) next.hidden = new Set(read.getAll("hide").filter(known));
  next.budgets = new Map(pairs("b"));
  const sliders = [...read.getAll("slider").filter(known), ...next.budgets.keys()];
  next.sliders = [...new Set([...next.sliders, ...sliders])];
  const device = DATA.devices.find((each) => each.name === read.get("device"));
  if (device) next.device = device.name;
  if (read.has("weights")) {
    next.weights = new Map(pairs("w").filter(([id, weight]) =>
      weight > 0 && CAPABILITIES.some((column) => column.id === id)));
  }
  for (const axis of ["x", "y"]) {
    const id = read.get(axis);
    if (id === "@score" || AXES.some((column) => column.id === id)) next[axis] = id;
  }
  for (const name of ["xLog", "yLog"]) {
    if (read.has(name)) next[name] = read.get(name) === "1";
  }
  next.area = read.get("area") !== "0";
  return next;
}

function keepState() {
  const text = stateText();
  if (`#${text}` === (location.hash || "#")) return;
  try {
    history.replaceState(null, "", text ? `#${text}` : location.pathname);
  } catch {
    // Some frames have no address of their own: the view works, it just isn't kept.
  }
}
