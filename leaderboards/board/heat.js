// The heat map: each cell's place between the worst and the best of its column, in five steps.
const heatSpans = new Map();

function prepareHeat() {
  heatSpans.clear();
  if (!state.heat) return;
  for (const column of columns) {
    const groups = new Map();
    for (const row of view.order.filter((each) => has(column, each))) {
      const group = groupOf(column, row);
      const span = groups.get(group) ?? [Infinity, -Infinity];
      groups.set(group, [Math.min(span[0], column.value[row]), Math.max(span[1], column.value[row])]);
    }
    heatSpans.set(column, groups);
  }
}

function heatClass(column, row) {
  if (!column.better || !has(column, row)) return [];
  const [low, high] = heatSpans.get(column).get(groupOf(column, row));
  if (low === high) return [];
  // The tied have the colour of the best: the map shows no difference that the data does not.
  if (column.rank(row)) return ["h4"];
  const isWide = column.role === "resource" && low > 0 && high / low > 10;
  const place = isWide
    ? Math.log(column.value[row] / low) / Math.log(high / low)
    : (column.value[row] - low) / (high - low);
  return [`h${Math.min(4, Math.floor(5 * (column.better > 0 ? place : 1 - place)))}`];
}
