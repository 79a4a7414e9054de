// One tab stop into the table, arrow keys inside it; rows out of sight are drawn on the way.
const placeOf = (cell) => Number(cell.getAttribute("aria-colindex")) - 1;

function activeCell() {
  const line = [...body.rows].find((row) => Number(row.getAttribute("aria-rowindex")) === active.row + 4);
  return [...(line?.cells ?? [])].find((cell) => placeOf(cell) === active.column) ?? null;
}

function moveTo(row, column) {
  const last = view.order.length - 1;
  const old = activeCell();
  if (old) old.tabIndex = -1;
  active.row = Math.max(0, Math.min(last, row));
  active.column = Math.max(0, Math.min(columns.length, column));
  if (!activeCell()) {
    const { from, to, left, right } = drawn;
    if (active.row < from || active.row >= to) {
      scroller.scrollTop = Math.max(0, active.row * ROW_PX - scroller.clientHeight / 2);
    }
    if (active.column > 0 && (active.column <= left || active.column > right)) {
      scroller.scrollLeft = sizes.widths.slice(0, active.column - 1).reduce((sum, width) => sum + width, 0);
    }
    drawWindow(true);
  }
  const cell = activeCell();
  if (!cell) return;
  cell.tabIndex = 0;
  cell.focus();
}

function moveBy(event) {
  const cell = event.target.closest("th, td");
  if (!cell || !view.order.length || event.altKey) return;
  const { row, column } = active;
  const page = Math.max(1, Math.floor(scroller.clientHeight / ROW_PX) - 3);
  const jump = event.ctrlKey || event.metaKey;
  const move = {
    ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
    ArrowDown: [row + 1, column], ArrowUp: [row - 1, column],
    PageDown: [row + page, column], PageUp: [row - page, column],
    Home: [jump ? 0 : row, 0], End: [jump ? view.order.length - 1 : row, columns.length],
  }[event.key];
  if (!move) return;
  event.preventDefault();
  moveTo(...move);
}

function startKeys() {
  body.addEventListener("keydown", moveBy);
  body.addEventListener("focusin", (event) => {
    const cell = event.target.closest("th, td");
    const line = cell?.parentElement.getAttribute("aria-rowindex");
    if (!line || placeOf(cell) < 0) return;
    const old = activeCell();
    if (old && old !== cell) old.tabIndex = -1;
    Object.assign(active, { row: Number(line) - 4, column: placeOf(cell) });
    cell.tabIndex = 0;
  });
  let waiting = false;
  scroller.addEventListener("scroll", () => {
    if (waiting || !isVirtual()) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; drawWindow(false); });
  }, { passive: true });
}
