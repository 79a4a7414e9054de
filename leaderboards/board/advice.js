// What the numbers recommend, in words: who is the best of those left, who ties, who is left out.
const named = (row) => isolated(labelOf(row), { class: "pick" });

function drawAdvice() {
  const found = recommendation();
  const lines = found ? answer(found) : [make("p", { class: "verdict" }, noAnswer())];
  byId("advice").replaceChildren(...lines);
  drawLeftOut(found);
  const total = plural(COUNT, "model", "models");
  byId("count").textContent = view.order.length === COUNT ? total : `${view.order.length} of ${total} shown`;
}

function noAnswer() {
  if (!COUNT) return "There is no model on this board yet.";
  if (!CAPABILITIES.length) return "No model can be recommended: this board has no number of what a model can do, with a direction that is better.";
  if (!SCORE.parts.length) return "No score: give at least one column a weight, and a model can be recommended.";
  if (!view.order.length) return state.budgets.size ? "No model meets all budgets." : "No model matches the search.";
  return "None of the models that are left has all the numbers of the score.";
}

function answer({ best, ties, unsure, apart, close, hosts }) {
  const verdict = make("p", { class: "verdict" });
  const score = `${valueText(SCORE, best)}${hasInterval(SCORE, best) ? ` (${intervalText(SCORE, best)})` : ""}`;
  const about = `${SCORE.metric} ${score}, ${rankWords(best)}`;
  if (ties.length) {
    verdict.append("Tied: ", named(best), ` has the highest score, but the data can't tell it from ${plural(ties.length, "other", "others")}: `,
      ...ties.slice(0, 6).flatMap((row, at) => [at ? ", " : "", named(row)]), ties.length > 6 ? ` and ${ties.length - 6} more.` : ".");
  } else {
    // Where the spread is not known, the highest score is not shown to be the best.
    const word = unsure.length || apart.length ? "Highest score: " : "Recommended: ";
    verdict.append(view.order.length > 1 ? word : "The only one left: ", named(best), ".");
  }
  const facts = [`${about}.`];
  if (unsure.length) facts.push("Some scores have no interval: a tie can't be ruled out.");
  if (apart.length) {
    facts.push(`${plural(apart.length, "score comes", "scores come")} from elsewhere or ${apart.length === 1 ? "is" : "are"} known in another way (see the marks) and can't be held against it strictly.`);
  }
  for (const column of close) facts.push(`Its ${nameOf(column)} meets the budget, but the interval reaches over it.`);
  if (hosts > 1 && [...state.budgets.keys()].some((id) => columnOf(id).host)) {
    facts.push("The numbers come from different machines or settings: a budget of time or energy holds only where it was measured.");
  }
  return [verdict, make("p", { class: "why" }, facts.join(" "))];
}

function drawLeftOut(found) {
  const box = byId("left-out");
  const unscored = found?.unscored ?? [];
  const entries = [
    ...view.missing.map(([row, lacking]) => [row, lacking.map((column) => `${nameOf(column)}: ${column.why(row)}`).join("; ")]),
    ...unscored.map((row) => [row, `no score: ${SCORE.why(row)}`]),
  ];
  const counts = [
    ...(view.over.length ? [`${view.over.length} over a budget`] : []),
    ...(view.missing.length ? [`${view.missing.length} without a number that a budget asks for`] : []),
    ...(unscored.length ? [`${unscored.length} without a score`] : []),
  ];
  box.hidden = !counts.length;
  byId("left-out-summary").textContent = `Left out: ${counts.join(", ")}`;
  const rows = [...entries, ...view.over.map((row) => [row, overText(row)])];
  box.querySelector("ul").replaceChildren(
    ...rows.slice(0, 60).map(([row, reason]) => make("li", {}, make("b", {}, isolated(labelOf(row))), " ", reason)),
    ...(rows.length > 60 ? [make("li", {}, `and ${rows.length - 60} more`)] : []));
}

const overText = (row) => [...state.budgets].map(([id, limit]) => [columnOf(id), limit])
  .filter(([column, limit]) => has(column, row) && !within(column, row, limit))
  .map(([column, limit]) => `${nameOf(column)} ${valueText(column, row)}, budget ${formatValue(limit, column.unit)}`).join("; ");
