// Budgets, devices, weights, axes and columns: what the reader can set.
function startControls() {
  drawSliders();
  drawDevices();
  drawAxes();
  drawFacets();
  drawChips();
  byId("weights").hidden = !CAPABILITIES.length;
  if (!isStarting) drawLists();
  const query = byId("filter");
  query.value = state.query;
  query.oninput = () => changeSoon({ query: query.value }, "rows");
  const theme = byId("theme");
  theme.value = state.theme;
  theme.onchange = () => change({ theme: theme.value }, "theme");
  const heat = byId("heat");
  heat.setAttribute("aria-pressed", String(state.heat));
  heat.onclick = () => {
    change({ heat: !state.heat }, "table");
    heat.setAttribute("aria-pressed", String(state.heat));
  };
  byId("reset").onclick = () => {
    state = { ...defaultState(), theme: state.theme };
    restart();
    byId("reset").focus();
  };
}

// What stands in lists that are closed at first.
function drawLists() {
  drawWeights();
  drawBoxes();
}

function option(value, text, chosen) {
  const made = make("option", {}, text);
  made.value = value;
  made.selected = value === chosen;
  return made;
}

// --- budgets -----------------------------------------------------------------------------------
// The steps of a slider are the numbers of the models: each step lets one more through.
const stepsOf = (column) =>
  [...new Set(column.value.filter((value) => !Number.isNaN(value)))].sort((a, b) => a - b);

function drawSliders() {
  const box = byId("sliders");
  box.replaceChildren(...state.sliders.map(columnOf).filter(isMeasured).map(slider));
  const add = byId("add-budget");
  const offered = AXES.filter((column) => !state.sliders.includes(column.id));
  add.replaceChildren(option("", "Add a budget…", ""), ...grouped(offered, ""));
  add.parentElement.hidden = !offered.length;
  add.onchange = () => {
    const id = add.value;
    change({ sliders: [...state.sliders, id] }, "none");
    drawSliders();
    byId(`budget-${state.sliders.length - 1}`)?.focus();
  };
}

function slider(column) {
  const at = state.sliders.indexOf(column.id);
  const steps = stepsOf(column);
  const open = isFloor(column) ? 0 : steps.length - 1;
  const input = make("input", {
    type: "range", id: `budget-${at}`, min: 0, max: Math.max(1, steps.length - 1), step: 1,
  });
  const output = make("output", { for: input.id });
  const limit = state.budgets.get(column.id);
  const place = isFloor(column)
    ? steps.findIndex((step) => step >= limit) : steps.findLastIndex((step) => step <= limit);
  // A step between no limit and below all models: only a device can ask for less than all.
  input.value = limit === undefined ? open : Math.max(0, place);
  const tell = () => {
    const now = state.budgets.get(column.id);
    const text = now === undefined ? "no limit" : `${isFloor(column) ? "≥" : "≤"} ${formatValue(now, column.unit)}`;
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
    line.classList.toggle("set", now !== undefined);
  };
  input.oninput = () => {
    const budgets = new Map(state.budgets);
    const index = Number(input.value);
    if (index === open || index >= steps.length) budgets.delete(column.id); else budgets.set(column.id, steps[index]);
    changeSoon({ budgets, device: "" }, "rows");
    byId("device").value = "";
    tell();
  };
  const name = make("span", { class: "budget-name" },
    make("b", {}, isolated(column.budget || column.metric)));
  const path = make("small", { class: "budget-path" }, isolated(pathOf(column)));
  const line = make("label", { class: "budget", for: input.id }, name, output, input, path);
  tell();
  return line;
}

// --- devices -----------------------------------------------------------------------------------
function drawDevices() {
  const select = byId("device");
  select.parentElement.hidden = !DATA.devices.length || !DATA.devices.some(deviceBudget);
  select.replaceChildren(option("", "any device", state.device), ...DATA.devices.filter(deviceBudget).map((device) =>
    option(device.name, `${device.name} (${formatValue(deviceBudget(device)[1], "bytes")})`, state.device)));
  select.onchange = () => setDevice(select.value);
  tellDevice();
}

// The column a device limits, and how far. A measured peak holds the program too; bare weights
// don't, so a device leaves them less.
function deviceBudget(device) {
  const first = device.memory === "gpu" ? ["peak_device_bytes"] : ["peak_resident_bytes"];
  for (const metric of [...first, "weight_bytes"]) {
    const column = COLUMNS.find((each) => each.metric === metric && isMeasured(each));
    const kept = device.system + (metric === "weight_bytes" ? device.runtime : 0);
    if (column) return [column, Math.max(0, device.total - kept)];
  }
  return null;
}

function setDevice(name) {
  const budgets = new Map(state.budgets);
  for (const device of DATA.devices.filter(deviceBudget)) budgets.delete(deviceBudget(device)[0].id);
  const sliders = [...state.sliders];
  const device = DATA.devices.find((each) => each.name === name);
  if (device) {
    const [column, limit] = deviceBudget(device);
    budgets.set(column.id, limit);
    if (!sliders.includes(column.id)) sliders.push(column.id);
  }
  change({ budgets, sliders, device: name }, "rows");
  drawSliders();
  tellDevice();
}

function tellDevice() {
  const device = DATA.devices.find((each) => each.name === state.device);
  byId("device-note").textContent = device ? `${device.about} ${device.source}` : "";
}

// --- weights -----------------------------------------------------------------------------------
function drawWeights() {
  const suites = new Map();
  CAPABILITIES.forEach((column, at) => {
    if (!suites.has(column.suite)) suites.set(column.suite, []);
    suites.get(column.suite).push(weightInput(column, at));
  });
  byId("weight-list").replaceChildren(...[...suites].map(([suite, inputs]) =>
    make("fieldset", {}, make("legend", {}, isolated(suite)), ...inputs)));
  byId("default-weights").onclick = () => {
    change({ weights: defaultWeights() }, "score");
    drawWeights();
  };
}

function weightInput(column, at) {
  const input = make("input", {
    type: "number", id: `weight-${at}`, min: 0, max: 100, step: "any", value: String(state.weights.get(column.id) ?? 0),
  });
  input.oninput = () => {
    const weights = new Map(state.weights);
    const weight = Number(input.value);
    if (weight > 0 && weight <= 100) weights.set(column.id, weight); else weights.delete(column.id);
    changeSoon({ weights }, "score");
  };
  const about = shareOf(column).isShare ? "" : ", from worst 0 to best 1";
  return make("label", { class: "weight", for: input.id }, input,
    make("span", {}, isolated(nameOf(column)), make("small", {}, `${column.better < 0 ? " less is better" : ""}${about}`)));
}

// --- axes, facets, columns ---------------------------------------------------------------------
function grouped(options, chosen) {
  const groups = new Map();
  for (const column of options) {
    if (!groups.has(column.suite)) groups.set(column.suite, []);
    groups.get(column.suite).push(option(column.id, column === PARAMETERS ? "parameters" : nameOf(column), chosen));
  }
  return [...groups].map(([suite, children]) => make("optgroup", { label: suite }, ...children));
}

function drawAxes() {
  if (!stage) return;
  const first = (role) => [...AXES].sort((a, b) => (b.role === role) - (a.role === role));
  const score = SCORE.parts.length ? [option("@score", "score", state.y)] : [];
  byId("x-axis").replaceChildren(...grouped(first("resource"), state.x));
  byId("y-axis").replaceChildren(...score, ...grouped(first("capability"), state.y));
  for (const axis of ["x", "y"]) {
    const select = byId(`${axis}-axis`), log = byId(`${axis}-log`);
    select.onchange = () => { change({ [axis]: select.value, [`${axis}Log`]: null }, "picture"); tellLogs(); };
    log.onchange = () => change({ [`${axis}Log`]: log.checked }, "picture");
  }
  const area = byId("area");
  area.checked = state.area;
  area.onchange = () => change({ area: area.checked }, "picture");
  tellLogs();
}

function tellLogs() {
  for (const axis of ["x", "y"]) {
    const column = columnOf(state[axis]), log = byId(`${axis}-log`);
    const rows = column ? ROWS.filter((row) => has(column, row)) : [];
    log.disabled = !column || !rows.length || !mayBeLog(column, rows);
    log.checked = Boolean(column) && wantsLog(column, rows, state[`${axis}Log`]);
  }
}

function drawFacets() {
  byId("facets").replaceChildren(...FACETS.map((name) => {
    const values = [...new Set(ROWS.map((row) => rowText(name, row)))].sort(collator.compare);
    const select = make("select", { id: `facet-${name}` }, option("*", "all", "*"),
      ...values.map((value) => option(value, cut(value || "not given", 40), state.facets[name] ?? "*")));
    select.onchange = () => {
      const facets = { ...state.facets };
      if (select.value === "*") delete facets[name]; else facets[name] = select.value;
      change({ facets }, "rows");
    };
    return make("label", { class: "field" }, make("span", {}, name), select);
  }));
}

const SUITES = [...new Set(COLUMNS.map((column) => column.suite))];
const columnsOf = (suite) => COLUMNS.filter((column) => column.suite === suite);

function drawChips() {
  const isShown = (suite) => columnsOf(suite).some((column) => !state.hidden.has(column.id));
  byId("suites").replaceChildren(...SUITES.map((suite) => {
    const chip = make("button", { type: "button", class: "chip", "aria-pressed": String(isShown(suite)) }, isolated(suite));
    chip.onclick = () => {
      const hidden = new Set(state.hidden), shown = isShown(suite), usual = defaultState().hidden;
      for (const { id } of columnsOf(suite)) { if (shown) hidden.add(id); else if (!usual.has(id)) hidden.delete(id); }
      change({ hidden }, "table");
      chip.setAttribute("aria-pressed", String(!shown));
      drawBoxes();
    };
    return chip;
  }));
}

function drawBoxes() {
  byId("columns").replaceChildren(...SUITES.map((suite) =>
    make("fieldset", {}, make("legend", {}, isolated(suite)), ...columnsOf(suite).map((column) => {
      const box = make("input", { type: "checkbox" });
      box.checked = !state.hidden.has(column.id);
      box.onchange = () => {
        const hidden = new Set(state.hidden);
        if (box.checked) hidden.delete(column.id); else hidden.add(column.id);
        change({ hidden }, "table");
        drawChips();
      };
      return make("label", { class: "weight" }, box, make("span", {}, isolated(nameOf(column))));
    }))));
}
