// The board as columns of numbers: what was not measured is NaN here, and never shown as a number.
const DATA = JSON.parse(document.getElementById("data").textContent);
const COUNT = DATA.count;
const ROWS = Array.from({ length: COUNT }, (_, row) => row);

// A list whose items are all equal is stored as that item.
const item = (packed, row) => (Array.isArray(packed) ? packed[row] : packed);
const textOf = (packed, row) => DATA.texts[item(packed, row)];
function numbersOf(packed) {
  if (!Array.isArray(packed)) return new Float64Array(COUNT).fill(packed ?? NaN);
  const numbers = new Float64Array(COUNT);
  for (let row = 0; row < COUNT; row += 1) numbers[row] = packed[row] ?? NaN;
  return numbers;
}

const labelOf = (row) => DATA.rows.label[row];
const rowText = (name, row) => textOf(DATA.rows[name], row);
const hostOf = (row) => item(DATA.rows.host, row);
const parametersOf = (row) => item(DATA.rows.parameters, row) ?? NaN;

const NO_MARKS = [];
const MARKS = DATA.marks.map((set) =>
  set.map(([kind, badge, meaning]) => ({
    kind: DATA.texts[kind], badge: DATA.texts[badge], meaning: DATA.texts[meaning],
  })));

// 0: not ranked; 1: best; 2: tied with the best; 3: the best value, but others are tied with it.
const BEST = 1, TIED = 2, TOP_OF_TIE = 3;

function boardColumn(raw) {
  const column = {
    ...raw, unit: raw.metric === "parameter_count" && raw.unit.length < 2 ? "parameters" : raw.unit,
    value: numbersOf(raw.value), low: numbersOf(raw.low), high: numbersOf(raw.high),
    level: (row) => item(raw.level, row),
    why: (row) => textOf(raw.why, row),
    marks: (row) => MARKS[item(raw.marks, row)] ?? NO_MARKS,
    rank: (row) => item(raw.rank, row),
    failed: (row) => item(raw.failed, row) === 1,
    kind: (row) => `${item(raw.marks, row)} ${item(raw.origin, row)}`,
    origin: (row) => textOf(raw.origin, row),
    // Ranks that were worked out from the same items: 0 where there are none.
    first: (row) => item(raw.first, row), last: (row) => item(raw.last, row),
    among: (row) => item(raw.among, row),
  };
  column.facts = (row) => [
    countWords(item(raw.n, row)),
    `how: ${textOf(raw.how, row)}`,
    ...lineOf("from: ", column.origin(row)),
    ...lineOf("source: ", textOf(raw.source, row)),
    ...column.marks(row).map((mark) => `${mark.badge}: ${mark.meaning}`),
    ...lineOf("note: ", textOf(raw.notes, row)),
  ];
  if (raw.first) {
    const own = column.facts;
    column.facts = (row) => [...own(row), ...(column.first(row) ? [`${rankOf(column, row)}, ${PAIRED}`] : [])];
  }
  column.method = (row) => textOf(raw.method, row);
  return column;
}

const PAIRED = "paired by item", OVERLAPPING = "by overlap of the intervals";
const UNKNOWN = "as it has no interval";
// A count that is not known is no zero.
const countWords = (n) => (n > 0 ? `n = ${n}` : "n not told");
function rankOf(column, row) {
  const [first, last] = [column.first(row), column.last(row)];
  if (column.among(row) < 2) return "alone of its kind";
  return `rank ${first === last ? first : `${first} – ${last}`} of ${column.among(row)}`;
}
const lineOf = (head, text) => (text ? [head + text] : []);
const has = (column, row) => !Number.isNaN(column.value[row]);
const hasInterval = (column, row) => !Number.isNaN(column.low[row]);
// A number without an interval has no width.
const lowOf = (column, row) => (hasInterval(column, row) ? column.low[row] : column.value[row]);
const highOf = (column, row) => (hasInterval(column, row) ? column.high[row] : column.value[row]);

const COLUMNS = DATA.columns.map(boardColumn);

// A count of bytes or parameters has no spread; any other number without an interval has one that is not known.
const isExact = (column) => column.unit === "parameters" || (column.unit === "bytes" && !column.host);
const spreadKnown = (column, row) => hasInterval(column, row) || isExact(column);
const noInterval = (column) => (isExact(column) ? "exact" : "no interval");

// The number of parameters is known from the model itself: it can be an axis and a budget.
const PARAMETERS = {
  id: "@parameters", suite: "model", task: "size", metric: "parameters", unit: "parameters",
  scorer: "", better: -1, derived: false, host: false, role: "resource", budget: "", note: "",
  value: Float64Array.from(ROWS, parametersOf),
  low: new Float64Array(COUNT).fill(NaN), high: new Float64Array(COUNT).fill(NaN),
  level: () => 0.95, why: () => "the run does not say how many parameters it has",
  marks: () => NO_MARKS, rank: () => 0, failed: () => false, facts: () => [], method: () => "",
  origin: () => "", first: () => 0, last: () => 0, among: () => 0,
};

const SPECIAL = new Map([[PARAMETERS.id, PARAMETERS]]);
const BY_ID = new Map(COLUMNS.map((column) => [column.id, column]));
const columnOf = (id) => SPECIAL.get(id) ?? BY_ID.get(id);
const isMeasured = (column) => column.value.some((value) => !Number.isNaN(value));
const nameOf = (column) => `${column.task} · ${column.metric}`;
const pathOf = (column) =>
  column.id.startsWith("@") ? column.metric : `${column.suite}/${column.task}/${column.metric}`;

// Which rows may be held against each other in a column: equal hardware where it counts.
const groupOf = (column, row) => (column.host ? hostOf(row) : 0);
// Numbers that are known in different ways, or come from different places, are not ranked together.
const knownKinds = new Map();
function knownAs(columns, row) {
  const short = columns.map((column) => column.kind(row)).join();
  if (!knownKinds.has(short)) {
    knownKinds.set(short, [...new Set(columns.flatMap((column) => [`from ${column.origin(row)}`,
      ...column.marks(row).filter((mark) => !["partial", "judge"].includes(mark.kind)).map((mark) => mark.badge)]))]
      .sort().join("\n"));
  }
  return knownKinds.get(short);
}
