// Numbers in words, in the same way as the rest of slmbench prints them.
function significant(value, digits = 4) {
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= digits) {
    const size = String(Math.abs(power)).padStart(2, "0");
    return `${bare(mantissa)}e${power < 0 ? "-" : "+"}${size}`;
  }
  return bare(value.toFixed(digits - 1 - power));
}

function scaled(value, sizes, last) {
  const [name, size] = sizes.find((each) => Math.abs(value) >= each[1]) ?? last;
  return `${significant(value / size)} ${name}`;
}
const BYTES = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]];
const SECONDS = [["s", 1], ["ms", 1e-3]];
const COUNTS = [["T", 1e12], ["B", 1e9], ["M", 1e6], ["k", 1e3]];

function formatValue(value, unit) {
  if (unit === "bytes") return scaled(value, BYTES, ["B", 1]);
  if (unit === "s") return scaled(value, SECONDS, ["us", 1e-6]);
  if (unit === "parameters") return countText(value);
  if (unit === "" || unit === "1" || unit === "ratio") return significant(value);
  const odd = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3);
  return `${significant(value, odd ? 3 : 4)} ${unit}`;
}

function countText(value) {
  const [name, size] = COUNTS.find((each) => value >= each[1]) ?? ["", 1];
  return `${significant(value / size, 3)}${name}`;
}

function intervalText(column, row) {
  if (!hasInterval(column, row)) return "";
  const low = formatValue(column.low[row], column.unit);
  const high = formatValue(column.high[row], column.unit);
  const [number, unit] = low.split(/ (.*)/);
  // One unit is enough where both ends have the same.
  return unit && high.endsWith(` ${unit}`) ? `${number} – ${high}` : `${low} – ${high}`;
}

const valueText = (column, row) => formatValue(column.value[row], column.unit);
const withInterval = (column, row) => {
  const interval = intervalText(column, row);
  return `${valueText(column, row)} (${interval || noInterval(column)})`;
};

function percent(share) {
  if (share === null) return "not known";
  if (share > 0.99) return share === 1 ? "100 %" : "> 99 %";
  if (share < 0.01) return share === 0 ? "0 %" : "< 1 %";
  return `${Math.round(100 * share)} %`;
}

const RANK_WORDS = {
  [BEST]: "best of this column",
  [TIED]: "tied with the best: the intervals overlap",
  [TOP_OF_TIE]: "highest place, but tied: the intervals of others overlap with it",
};
const PAIRED_WORDS = {
  [BEST]: "best of this column: better than each other one, paired by item",
  [TIED]: "tied with the best: none is shown to be better, paired by item",
  [TOP_OF_TIE]: "highest place, but tied: it isn't shown to be better, paired by item",
};
const isPaired = (column, row) => (column === SCORE ? SCORE.paired[row] === 1 : column.first(row) > 0);

function tipOf(column, row) {
  if (!has(column, row)) return `${pathOf(column)}\nnot measured: ${column.why(row)}`;
  const lines = [pathOf(column), valueText(column, row)];
  const interval = intervalText(column, row);
  const method = column.method(row);
  const level = `${significant(100 * column.level(row), 4)} %`;
  lines.push(interval
    ? `${level} interval ${interval}${method ? ` (${method})` : ""}`
    : isExact(column) ? "exact: a count, not a reading" : "no interval: one reading, or none was given");
  lines.push(...column.facts(row));
  const rank = (isPaired(column, row) ? PAIRED_WORDS : RANK_WORDS)[column.rank(row)];
  return [...lines, ...(rank ? [rank] : [])].join("\n");
}

function rowDetail(row) {
  const size = parametersOf(row);
  const parts = [
    Number.isNaN(size) ? "" : `${countText(size)} params`,
    rowText("dtype", row), rowText("quantization", row), rowText("device", row),
    rowText("asked", row), fromText(row),
  ];
  return parts.filter(Boolean).join(" · ");
}

function rowTip(row) {
  const ended = { failed: "some jobs of this run failed: its cells say why", running: "this run is not finished" };
  return [
    labelOf(row), `run ${DATA.rows.run[row]}, ${DATA.rows.created[row]}`, rowText("hardware", row), rowText("architecture", row),
    ...lineOf("from: ", rowText("origins", row)), ended[rowText("status", row)],
  ].filter(Boolean).join("\n");
}

// Where a row's numbers come from; a board of one source says so in each row's hint alone.
const ORIGINS = new Set(ROWS.map((row) => rowText("origins", row)));
const fromText = (row) => {
  const text = rowText("origins", row);
  return text && ORIGINS.size > 1 ? `from ${cut(text, 48)}` : "";
};

const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
function listed(names, most = 5) {
  if (names.length <= most) {
    return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  }
  return `${names.slice(0, most).join(", ")} and ${names.length - most} others`;
}
