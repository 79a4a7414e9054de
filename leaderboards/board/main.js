// Change, draw, keep: every choice goes through here, so that table, picture and advice agree.
const LEVELS = ["none", "theme", "picture", "table", "rows", "score", "all"];
let pending = null;

function change(patch, level) {
  state = { ...state, ...patch };
  refresh(level);
}

// A slider or a key can ask faster than a frame is drawn: the last wish counts.
function changeSoon(patch, level) {
  state = { ...state, ...patch };
  if (pending !== null) {
    if (LEVELS.indexOf(level) > LEVELS.indexOf(pending)) pending = level;
    return;
  }
  pending = level;
  requestAnimationFrame(() => { const asked = pending; pending = null; refresh(asked); });
}

// The table and the advice are there first: what is below or behind them waits for the first frame.
let isStarting = true, pictureWaits = false;
function drawPictureSoon() {
  if (pictureWaits || isStarting) return;
  pictureWaits = true;
  requestAnimationFrame(() => setTimeout(() => { pictureWaits = false; drawPicture(); }));
}
const whenIdle = (work) =>
  (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 300 }) : setTimeout(work, 20));

function drawTheRest() {
  if (!isStarting) return;
  isStarting = false;
  drawPicture();
  drawLists();
  performance.mark("complete");
}

function refresh(level) {
  const wide = LEVELS.indexOf(level);
  if (level === "theme" || level === "all") setTheme();
  if (level === "score" || level === "all") computeScore(state.weights);
  if (level === "table") { choose(); drawTable(); }
  if (wide >= LEVELS.indexOf("rows")) {
    choose();
    if (level === "rows") { scroller.scrollTop = 0; drawRows(); } else drawTable();
    drawAdvice();
  }
  if (level === "picture" || wide >= LEVELS.indexOf("rows")) drawPictureSoon();
  if (level === "score") drawAxes();
  keepState();
}

function setTheme() {
  if (state.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = state.theme;
}

function restart() {
  computeScore(state.weights);
  startControls();
  refresh("all");
}

function start() {
  state = readState(location.hash.slice(1));
  document.documentElement.classList.add("js");
  startTips();
  startKeys();
  startPointKeys();
  startDownloads();
  restart();
  window.addEventListener("hashchange", () => { state = readState(location.hash.slice(1)); restart(); });
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    drawRows();
    drawPictureSoon();
  });
  // On paper there is no scrolling: every row is drawn.
  window.addEventListener("beforeprint", () => { drawTheRest(); document.documentElement.dataset.printing = "yes"; drawRows(); });
  window.addEventListener("afterprint", () => { delete document.documentElement.dataset.printing; drawRows(); });
}

start();
// For whoever asks how long that took: the first frame after it can be used.
requestAnimationFrame(() => setTimeout(() => { performance.mark("usable"); whenIdle(drawTheRest); }));
