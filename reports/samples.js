// The sample browser: filters, search, a list and one sample. Texts are only ever set as text.
(() => {
  "use strict";
  const box = document.getElementById("samples");
  const source = document.getElementById("samples-data");
  if (!box || !source) return;
  const data = JSON.parse(source.textContent);
  const { file, fileOf, itemOf, bitsOf, nameOf, open } = slmbenchStore(data);
  const starts = data.starts || [0];
  const ROWS = 50;
  const LONG = 2400;
  const part = (name) => document.getElementById(`samples-${name}`);
  const [search, group, chips, status, list, detail, back, on, place] = [
    "search", "group", "chips", "status", "list", "detail", "back", "on", "place",
  ].map(part);
  const many = (count) => count.toLocaleString("en");

  function make(tag, name, text) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // --- what is asked for ---------------------------------------------------------------------
  const edges = [0];
  data.groups.forEach(([, count]) => edges.push(edges[edges.length - 1] + count));
  const groupOf = (sample) => edges.findIndex((edge) => edge > sample) - 1;
  let found = [];
  let first = 0;
  let chosen = 0;
  let asking = 0;

  const range = () =>
    group.value === "" ? [0, data.total] : [edges[+group.value], edges[+group.value + 1]];
  const pressed = () =>
    Array.from(chips.children).filter((chip) => chip.getAttribute("aria-pressed") === "true");

  function countMarks() {
    const [from, to] = range();
    const counts = data.marks.map(() => 0);
    for (let sample = from; sample < to; sample += 1) {
      const bits = bitsOf(sample);
      for (let bit = 0; bits >> bit; bit += 1) counts[bit] += (bits >> bit) & 1;
    }
    Array.from(chips.children).forEach((chip, bit) => {
      chip.lastChild.textContent = many(counts[bit]);
      const isEmpty = counts[bit] === 0;
      chip.setAttribute("aria-disabled", String(isEmpty));
      if (isEmpty) chip.setAttribute("aria-pressed", "false");
    });
    const note = group.value === "" ? "" : data.groups[+group.value][2];
    part("note").textContent = note;
  }

  const holds = (item, wanted) =>
    item[0].toLowerCase().includes(wanted) ||
    item[3].some(([, text]) => text.toLowerCase().includes(wanted)) ||
    item[2].some(([name, text]) => `${name} ${text}`.toLowerCase().includes(wanted));

  async function apply() {
    const mine = (asking += 1);
    const mask = pressed().reduce((sum, chip) => sum | (1 << chip.dataset.bit), 0);
    const wanted = search.value.trim().toLowerCase();
    const [from, to] = range();
    const passing = [];
    for (let sample = from; sample < to; sample += 1) {
      if (mask === 0 || bitsOf(sample) & mask) passing.push(sample);
    }
    found = wanted ? [] : passing;
    first = chosen = 0;
    list.setAttribute("aria-busy", "true");
    tell(`${many(found.length)} of ${many(data.total)}`);
    if (wanted) {
      let drawn = -1;
      for (let at = 0; at < passing.length; ) {
        const number = fileOf(passing[at]);
        const end = number + 1 < starts.length ? starts[number + 1] : data.total;
        let items;
        // The next ones are read while this one is searched.
        const last = fileOf(passing[passing.length - 1]);
        for (let ahead = 1; ahead < 5 && number + ahead <= last; ahead += 1) {
          file(number + ahead).catch(() => {});
        }
        try { items = await file(number); } catch (error) { tell(error.message); return; }
        if (mine !== asking) return;
        for (; at < passing.length && passing[at] < end; at += 1) {
          if (holds(items[passing[at] - starts[number]], wanted)) found.push(passing[at]);
        }
        tell(`${many(found.length)} found in ${many(at)} of ${many(passing.length)} read`);
        // A person may choose among the first while the rest is read.
        if (drawn < ROWS && found.length > drawn) {
          drawn = found.length;
          draw(first === 0 && chosen === 0);
        }
      }
      tell(`${many(found.length)} of ${many(data.total)} hold “${search.value.trim()}”`);
    }
    await draw(first === 0 && chosen === 0);
    if (mine === asking) list.setAttribute("aria-busy", "false");
  }

  // --- what is shown -------------------------------------------------------------------------
  function tell(words) {
    status.textContent = words;
  }

  function badges(bits) {
    const told = make("span", "badges");
    data.marks.forEach((mark, bit) => {
      if ((bits >> bit) & 1) told.append(make("span", `badge ${mark.replaceAll(" ", "-")}`, mark));
    });
    return told;
  }

  function glimpse(item) {
    const parts = item[3];
    const answer = parts.find(([name]) => name === "output" || name === "candidate") || parts[0];
    return answer ? answer[1].slice(0, 200).replace(/\s+/g, " ").trim() : "";
  }

  let drawing = 0;
  async function draw(show) {
    const mine = (drawing += 1);
    const shown = found.slice(first, first + ROWS);
    list.replaceChildren(...shown.map((sample, offset) => {
      const row = make("div", "row");
      row.setAttribute("role", "option");
      row.id = `sample-${first + offset}`;
      row.setAttribute("aria-selected", String(first + offset === chosen));
      row.append(make("bdi", "name", nameOf(sample)), badges(bitsOf(sample)), make("bdi", "glimpse"));
      row.addEventListener("click", () => {
        choose(first + offset);
        if (matchMedia("(max-width: 860px)").matches) detail.scrollIntoView();
      });
      return row;
    }));
    if (shown.length) list.setAttribute("aria-activedescendant", `sample-${chosen}`);
    else list.removeAttribute("aria-activedescendant");
    if (chosen === first) list.scrollTop = 0;
    back.disabled = first === 0;
    on.disabled = first + ROWS >= found.length;
    place.textContent = shown.length
      ? `${many(first + 1)}–${many(first + shown.length)} of ${many(found.length)}` : "";
    if (show || !shown.length) openChosen();
    for (let offset = 0; offset < shown.length; offset += 1) {
      try {
        const item = await itemOf(shown[offset]);
        if (mine !== drawing) return;
        list.children[offset].lastChild.textContent = glimpse(item);
      } catch (error) { tell(error.message); return; }
    }
  }

  function choose(position) {
    const next = Math.max(0, Math.min(found.length - 1, position));
    chosen = next;
    if (next < first || next >= first + ROWS) {
      first = next - (next % ROWS);
      draw(false);
    }
    Array.from(list.children).forEach((row, offset) => {
      row.setAttribute("aria-selected", String(first + offset === next));
    });
    list.setAttribute("aria-activedescendant", `sample-${next}`);
    const row = list.children[next - first];
    if (row) {
      // Only the list scrolls, not the page under it.
      if (row.offsetTop < list.scrollTop) list.scrollTop = row.offsetTop;
      const under = row.offsetTop + row.offsetHeight - list.clientHeight;
      if (under > list.scrollTop) list.scrollTop = under;
    }
    openChosen();
  }

  let opening = 0;
  async function openChosen() {
    const mine = (opening += 1);
    if (!found.length) {
      detail.replaceChildren(make("p", "note", "No sample fits."));
      return;
    }
    const sample = found[chosen];
    let item;
    try { item = await itemOf(sample); } catch (error) { tell(error.message); return; }
    if (mine !== opening) return;
    const [title, bits, facts, parts] = item;
    const head = make("h3", "", title.length > 300 ? `${title.slice(0, 300)}…` : title);
    const meta = make("p", "meta");
    meta.append(make("bdi", "", data.groups[groupOf(sample)][0]), badges(bits));
    const words = make("dl", "scores");
    facts.forEach(([name, text]) => {
      const pair = make("div");
      pair.append(make("dt", "", name), make("dd", "", text));
      words.append(pair);
    });
    detail.replaceChildren(head, meta, words, ...parts.flatMap(([name, text]) => shownText(name, text)));
    detail.scrollTop = 0;
  }

  function shownText(name, text) {
    const shown = make("div", "text");
    shown.dir = "auto";
    const head = make("h4", "", name);
    if (text.length <= LONG) {
      shown.textContent = text === "" ? "(empty)" : text;
      if (text === "") shown.classList.add("none");
      return [head, shown];
    }
    const half = LONG / 2;
    const left = many(text.length - LONG);
    shown.textContent = `${text.slice(0, half)}\n[… ${left} characters …]\n${text.slice(-half)}`;
    const all = make("button", "all", `Show all ${many(text.length)} characters`);
    all.type = "button";
    all.addEventListener("click", () => {
      shown.textContent = text;
      shown.tabIndex = 0;
      shown.setAttribute("role", "group");
      shown.setAttribute("aria-label", name);
      shown.classList.add("whole");
      all.remove();
      shown.focus();
    });
    return [head, shown, all];
  }

  // --- hands ---------------------------------------------------------------------------------
  list.addEventListener("keydown", (event) => {
    const steps = {
      ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: first + ROWS, PageUp: first - ROWS,
      Home: 0, End: found.length - 1,
    };
    if (event.key in steps) choose(steps[event.key]);
    else if (event.key === "Enter") detail.focus();
    else return;
    event.preventDefault();
  });
  detail.addEventListener("keydown", (event) => {
    if (event.key === "Escape") list.focus();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); list.focus(); }
  });
  let typed = 0;
  search.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(apply, 150); });
  box.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typed);
    apply();
  });
  group.addEventListener("change", () => { countMarks(); apply(); });
  back.addEventListener("click", () => choose(first - ROWS));
  on.addEventListener("click", () => choose(first + ROWS));

  function begin() {
    part("kind").textContent = data.kind;
    group.append(new Option(`all ${data.groups.length}`, ""));
    data.groups.forEach(([name, count], at) => group.append(new Option(`${name} (${many(count)})`, at)));
    data.marks.forEach((mark, bit) => {
      const chip = make("button", "chip", `${mark} `);
      chip.type = "button";
      chip.dataset.bit = bit;
      chip.setAttribute("aria-pressed", "false");
      chip.append(make("span", "count"));
      chip.addEventListener("click", () => {
        if (chip.getAttribute("aria-disabled") === "true") return;
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        apply();
      });
      chips.append(chip);
    });
    document.querySelectorAll("[data-plain-samples]").forEach((each) => { each.hidden = true; });
    box.hidden = false;
    countMarks();
    apply();
  }

  open().then(begin, (error) => {
    box.hidden = false;
    tell(error.message);
  });
})();
