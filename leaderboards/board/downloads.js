// What is shown, as a file: the rows and columns in view, in their order. Nothing leaves the page.
// A spreadsheet runs a cell that starts with one of these signs: an apostrophe makes it text.
const FORMULA = /^[\s\u0000\ufeff]*[=+\-@＝＋－＠|%]/;
const csvText = (text) => {
  const safe = FORMULA.test(text) || /^[\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== safe.trim() ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const csvNumber = (value) => (Number.isNaN(value) ? "" : String(value));

function asCsv() {
  const heads = columns.flatMap((column) =>
    [pathOf(column), `${pathOf(column)} low`, `${pathOf(column)} high`, `${pathOf(column)} remarks`]);
  const lines = [["model", "run", "parameters", "hardware", ...heads].map(csvText).join(",")];
  for (const row of view.order) {
    const cells = columns.flatMap((column) => [
      csvNumber(column.value[row]), csvNumber(column.low[row]), csvNumber(column.high[row]), csvText(remarks(column, row)),
    ]);
    lines.push([csvText(labelOf(row)), csvText(DATA.rows.run[row]), csvNumber(parametersOf(row)),
      csvText(rowText("hardware", row)), ...cells].join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

function remarks(column, row) {
  if (!has(column, row)) return `not measured: ${column.why(row)}`;
  const rank = { [BEST]: ["best"], [TIED]: ["tied with the best"], [TOP_OF_TIE]: ["tied with the best"] }[column.rank(row)];
  const place = column === SCORE ? [rankWords(row)] : isPaired(column, row) ? [`${rankOf(column, row)}, ${PAIRED}`] : [];
  return [...(rank ?? []), ...place, ...column.marks(row).map((mark) => mark.badge), ...lineOf("from ", column.origin(row))].join("; ");
}

function asJson() {
  const number = (value) => (Number.isNaN(value) ? null : value);
  const cell = (column, row) => (has(column, row)
    ? {
      value: column.value[row], low: number(column.low[row]), high: number(column.high[row]), unit: column.unit,
      facts: column.facts(row), marks: column.marks(row), rank: ["", "best", "tied", "tied"][column.rank(row)],
      ...(isPaired(column, row) || column === SCORE ? {
        ranks: [column.first(row), column.last(row)], among: column.among(row), ranked: column === SCORE ? rankBasis(row) : PAIRED,
      } : {}),
    }
    : { absent: column.why(row) });
  return JSON.stringify({
    title: DATA.title, created: DATA.created,
    columns: columns.map(({ id, suite, task, metric, unit, better, note }) => ({ id, suite, task, metric, unit, better, note })),
    rows: view.order.map((row) => ({
      label: labelOf(row), model: rowText("model", row), run: DATA.rows.run[row], hardware: rowText("hardware", row),
      parameters: number(parametersOf(row)),
      cells: Object.fromEntries(columns.map((column) => [column.id, cell(column, row)])),
    })),
  }, null, 1);
}

// Signs that Markdown or HTML would read are written as what they are.
const markdownText = (text) => text.replace(/\s+/g, " ").replace(/[\\`*_[\]|~#]/g, "\\$&")
  .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function asMarkdown() {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const cell = (column, row) => {
    if (!has(column, row)) return `— ${markdownText(`(${cut(column.why(row), 60)})`)}`;
    const interval = intervalText(column, row);
    const remark = remarks(column, row);
    return markdownText(`${valueText(column, row)}${interval ? ` (${interval})` : ""}${remark ? ` ${remark}` : ""}`);
  };
  return [`# ${markdownText(DATA.title)}`, "", line(["model", ...columns.map((column) => markdownText(pathOf(column)))]),
    line(["---", ...columns.map(() => "---:")]),
    ...view.order.map((row) => line([markdownText(labelOf(row)), ...columns.map((column) => cell(column, row))])), ""].join("\n");
}

const FORMS = {
  csv: [asCsv, "text/csv"], json: [asJson, "application/json"], md: [asMarkdown, "text/markdown"],
};

function startDownloads() {
  for (const [ending, [write, kind]] of Object.entries(FORMS)) {
    byId(`download-${ending}`).onclick = () => {
      const address = URL.createObjectURL(new Blob([write()], { type: `${kind};charset=utf-8` }));
      make("a", { href: address, download: `leaderboard.${ending}` }).click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    };
  }
}
