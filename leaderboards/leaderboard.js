// Sorting, filtering, suites, the axis of the picture and tooltips. The page reads well without it.
(() => {
  "use strict";
  const table = document.getElementById("board");
  const body = table.tBodies[0];
  const rows = () => Array.from(body.rows);
  document.documentElement.classList.add("js");

  // --- sorting -----------------------------------------------------------------------------
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const sortHeads = Array.from(table.querySelectorAll("th[aria-sort]"));

  function sortBy(head, position, direction) {
    const up = direction === "ascending" ? 1 : -1;
    const number = (row) => {
      const text = row.cells[position].dataset.sort;
      return text === undefined ? null : Number(text);
    };
    const byNumber = (a, b) => {
      const [one, other] = [number(a), number(b)];
      // What was not measured stands last in both directions: it is neither best nor worst.
      if (one === null || other === null) return (one === null) - (other === null);
      return up * (one - other);
    };
    const byName = (a, b) => up * collator.compare(a.dataset.name, b.dataset.name);
    body.append(...rows().sort(position === 0 ? byName : byNumber));
    sortHeads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", direction);
    resetRoving();
  }

  sortHeads.forEach((head, position) => {
    const button = head.querySelector("button");
    button.addEventListener("click", () => {
      const bestFirst =
        button.dataset.kind === "text" || button.dataset.better === "down" ? "ascending" : "descending";
      const reverse = bestFirst === "ascending" ? "descending" : "ascending";
      sortBy(head, position, head.getAttribute("aria-sort") === bestFirst ? reverse : bestFirst);
    });
  });

  // --- filter and suites -------------------------------------------------------------------
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");

  function applyFilter() {
    const wanted = filter.value.trim().toLowerCase();
    rows().forEach((row) => {
      row.hidden = !row.dataset.name.toLowerCase().includes(wanted);
    });
    const shown = rows().filter((row) => !row.hidden).length;
    count.textContent = wanted ? `${shown} of ${rows().length} shown` : "";
    resetRoving();
  }
  filter.addEventListener("input", applyFilter);

  document.querySelectorAll("[data-toggle]").forEach((chip) => {
    chip.addEventListener("click", () => {
      const shown = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(shown));
      table.querySelectorAll("[data-suite]").forEach((cell) => {
        if (cell.dataset.suite === chip.dataset.toggle) cell.hidden = !shown;
      });
      resetRoving();
    });
  });

  // --- the axis of the picture ---------------------------------------------------------------
  const axis = document.getElementById("axis");
  if (axis) {
    const show = () =>
      document.querySelectorAll(".picture").forEach((picture) => {
        picture.hidden = picture.id !== axis.value;
      });
    axis.addEventListener("change", show);
    // A browser may restore the last choice when the page is opened again.
    show();
  }

  // --- one tab stop into the table, arrow keys inside ------------------------------------------
  const cells = () => Array.from(body.querySelectorAll("th, td"));
  const visible = (cell) => !cell.hidden && !cell.parentElement.hidden;

  function resetRoving() {
    cells().forEach((cell) => { cell.tabIndex = -1; });
    const first = cells().find(visible);
    if (first) first.tabIndex = 0;
  }

  function neighbour(cell, key) {
    const line = Array.from(cell.parentElement.cells).filter(visible);
    const column = rows().filter((row) => !row.hidden).map((row) => row.cells[cell.cellIndex]);
    const moves = {
      ArrowRight: line[line.indexOf(cell) + 1],
      ArrowLeft: line[line.indexOf(cell) - 1],
      ArrowDown: column[column.indexOf(cell) + 1],
      ArrowUp: column[column.indexOf(cell) - 1],
      Home: line[0],
      End: line[line.length - 1],
    };
    return moves[key];
  }

  body.addEventListener("keydown", (event) => {
    const cell = event.target.closest("th, td");
    const next = cell && neighbour(cell, event.key);
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  // --- tooltips, for the pointer and for the keyboard -------------------------------------------
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  // The browser's own tooltip never shows on focus, so its text moves to ours.
  table.querySelectorAll("[title]").forEach((element) => {
    element.dataset.tip = element.title;
    element.removeAttribute("title");
  });

  let owner = null;

  function placeTip() {
    if (!owner) return;
    const place = owner.getBoundingClientRect();
    const below = place.bottom + 6 + tip.offsetHeight <= window.innerHeight;
    const left = Math.min(place.left, window.innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, below ? place.bottom + 6 : place.top - tip.offsetHeight - 6)}px`;
  }
  function showTip(event) {
    owner = event.target.closest("[data-tip]");
    tip.hidden = !owner;
    if (!owner) return;
    tip.textContent = owner.dataset.tip;
    placeTip();
  }
  function hideTip() {
    owner = null;
    tip.hidden = true;
  }

  table.addEventListener("mouseover", showTip);
  table.addEventListener("focusin", showTip);
  table.addEventListener("mouseleave", hideTip);
  table.addEventListener("focusout", hideTip);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
  document.addEventListener("scroll", placeTip, { capture: true, passive: true });

  resetRoving();
})();
