"""Which model to take, given budgets: an answer for each machine, and never a win that is a tie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slmbench.analyse.board import Assembled
from slmbench.analyse.board_draws import Drawer, Drawn
from slmbench.analyse.board_items import ItemReader, SamplesOf
from slmbench.analyse.board_ranks import rank_values
from slmbench.analyse.board_tradeoff import RESOURCES
from slmbench.analyse.recommend_checks import checks_of, matching, standing_of
from slmbench.analyse.recommend_score import Score, find_score
from slmbench.errors import InputError, did_you_mean
from slmbench.schema.base import Measured
from slmbench.schema.board import Column, Row
from slmbench.schema.recommendation import (
    AdviceVerdict,
    Answer,
    Budget,
    Candidate,
    Question,
    Recommendation,
)
from slmbench.stats.front import front_probability
from slmbench.stats.ranks import HOLM_MOST, Ranks

_RESOURCE_SUITES = frozenset({"latency", "load", "energy", "memory"})
_BEST_FIRST: tuple[AdviceVerdict, ...] = ("RECOMMENDED", "INCONCLUSIVE", "NONE")


def recommend(
    made: Assembled, question: Question, samples: SamplesOf | None = None
) -> Recommendation:
    """Return which model the records recommend.

    A budget is kept where the whole 95 % interval of a number keeps it, broken where it lies
    wholly beyond; what was not measured never keeps one. Among those that keep all budgets the one
    with the highest capability is named, with all that it isn't shown to be better than. Where a
    budget depends on the machine, the runs of each machine are answered for themselves.

    Args:
        made: the board's cells, with what they were read from.
        question: budgets and capability.
        samples: where the samples of a run's job are read; None draws from the intervals.

    Raises:
        InputError: a budget or the capability names what no run has.
    """
    columns = made.board.columns
    for budget in question.budgets:
        _require_match(budget, columns)
    score = find_score(made, question)
    used = {at for budget in question.budgets for at in matching(columns, budget.metrics)}
    bound = sorted(at for at in used | set(score.parts) if columns[at].per_host)
    machines, unplaced = _machines(made.board.rows, bound)
    case = _Case(made, question, score, Drawer(samples))
    answers = tuple(case.answer(hardware, rows) for hardware, rows in machines)
    found = {answer.verdict for answer in answers}
    return Recommendation(
        verdict=next((each for each in _BEST_FIRST if each in found), "NONE"),
        capability=score.name,
        budgets=question.budgets,
        answers=answers,
        unplaced=tuple(case.candidate(row) for row in unplaced),
        notes=made.board.notes,
    )


def _require_match(budget: Budget, columns: Sequence[Column]) -> None:
    if matching(columns, (*budget.metrics, *budget.floor_metrics)):
        return
    paths = [column.path for column in columns]
    near = did_you_mean(budget.metrics[0], paths)
    suite = budget.metrics[0].partition("/")[0]
    raise InputError(
        f"{budget.name}: no run has a metric '{budget.metrics[0]}'.{near} Measure it with "
        f"'slmbench run --suite {suite} ...', or see the names with 'slmbench show'."
    )


def _machines(
    rows: Sequence[Row], bound: Sequence[int]
) -> tuple[list[tuple[str, list[int]]], list[int]]:
    """Return (machine, places of its rows), and the rows without a number of any machine."""
    everywhere = list(range(len(rows)))
    if not bound:
        return [("", everywhere)], []
    placed = {
        place
        for place in everywhere
        if any(isinstance(rows[place].cells[at].value, Measured) for at in bound)
    }
    groups: dict[str, list[int]] = {rows[place].host: [] for place in sorted(placed)}
    if not groups:
        return [("", everywhere)], []
    for place in everywhere:
        if rows[place].host in groups:
            groups[rows[place].host].append(place)
    named = [(rows[own[0]].hardware, own) for own in groups.values()]
    return named, [place for place in everywhere if rows[place].host not in groups]


@dataclass(frozen=True)
class _Case:
    """The question, with all that is needed to answer it for one machine after the other."""

    made: Assembled
    question: Question
    score: Score
    drawer: Drawer

    def candidate(self, place: int) -> Candidate:
        """Return a row with its checks, not yet ranked."""
        row, columns = self.made.board.rows[place], self.made.board.columns
        checks = [
            check for budget in self.question.budgets for check in checks_of(row, columns, budget)
        ]
        marks = [mark.badge for at in self.score.parts for mark in row.cells[at].marks]
        return Candidate(
            label=row.label,
            model=row.model,
            run_id=row.run_id,
            hardware=row.hardware,
            standing=standing_of(checks),
            checks=tuple(checks),
            capability=self.score.values[place],
            marks=tuple(dict.fromkeys(marks)),
            parameter_count=row.parameter_count,
        )

    def answer(self, hardware: str, places: Sequence[int]) -> Answer:
        """Return the answer for the rows of one machine."""
        found = {place: self.candidate(place) for place in places}
        rated = [p for p in places if isinstance(found[p].capability, Measured)]
        able = [p for p in rated if found[p].standing == "meets"]
        maybe = [p for p in rated if found[p].standing == "undecided"]
        tightest = self._tightest([found[p] for p in able or maybe or rated])
        cost = self._values(tightest)
        best_first = sorted(
            able or maybe, key=lambda p: (-self._value(p), cost.get(p, np.inf), found[p].label)
        )
        best_first = self._one_kind_first(best_first)
        alike = [p for p in best_first if self._kind(p) == self._kind(best_first[0])]
        ranked = [p for p in (*able, *maybe) if self._kind(p) == self._kind(best_first[0])]
        ranks = self._ranks(ranked, rated)
        for place, low, high in zip(ranked, ranks.best, ranks.worst, strict=True):
            found[place] = found[place].model_copy(update={"ranks": (int(low), int(high))})
        shares, how = self._front(places, tightest)
        for place, share in shares.items():
            found[place] = found[place].model_copy(update={"front_probability": share})
        peers = _not_worse(best_first[0], ranked, ranks) if best_first else []
        order = [*best_first, *(p for p in places if p not in set(best_first))]
        column = self.made.board.columns[tightest] if tightest is not None else None
        chosen = best_first[0] if able else None
        verdict, reason = _verdict(able, maybe, list(found.values()))
        return Answer(
            hardware=hardware,
            verdict=verdict,
            reason=reason,
            recommended=found[chosen].label if chosen is not None else None,
            tied=tuple(
                found[p].label for p in best_first if p in peers and p in able and p != chosen
            ),
            open=tuple(found[p].label for p in maybe if p in peers or p in set(best_first)),
            tightest=column.path if column is not None else None,
            front_how=how,
            incomparable=tuple(found[p].label for p in best_first if p not in alike),
            candidates=tuple(found[place] for place in order),
        )

    def _kind(self, place: int) -> tuple[tuple[str, ...], ...]:
        """Return how a row's capability is known; two kinds are not held against each other."""
        cells = [self.made.board.rows[place].cells[at] for at in self.score.parts]
        return tuple(
            (cell.origin, *(mark.badge for mark in cell.marks if mark.sets_apart)) for cell in cells
        )

    def _one_kind_first(self, best_first: Sequence[int]) -> list[int]:
        """Put the kind that most models are known by first; the order within a kind stays."""
        counts = Counter(self._kind(place) for place in best_first)
        if len(counts) < 2:
            return list(best_first)
        chosen = counts.most_common(1)[0][0]
        return sorted(best_first, key=lambda place: self._kind(place) != chosen)

    def _value(self, place: int) -> float:
        value = self.score.values[place]
        return value.value if isinstance(value, Measured) else -np.inf

    def _values(self, at: int | None) -> dict[int, float]:
        if at is None:
            return {}
        cells = ((p, row.cells[at].value) for p, row in enumerate(self.made.board.rows))
        return {place: value.value for place, value in cells if isinstance(value, Measured)}

    def _tightest(self, candidates: Sequence[Candidate]) -> int | None:
        """Return the resource that the ablest model comes nearest to its limit on."""
        columns = self.made.board.columns
        ids = [column.column_id for column in columns]
        if candidates:
            ablest = max(candidates, key=lambda each: getattr(each.capability, "value", -np.inf))
            near = [
                (check.value.value / check.limit, check.column_id)
                for check in ablest.checks
                if check.op == "<=" and check.limit > 0 and isinstance(check.value, Measured)
            ]
            dear = [each for each in near if columns[ids.index(each[1])].suite in _RESOURCE_SUITES]
            if near:
                return ids.index(max(dear or near)[1])
        usual = [at for name in RESOURCES for at, c in enumerate(columns) if c.metric == name]
        return next(iter(usual), None)

    def _draws(self, at: int) -> Drawn:
        return self.made.draws(at, self.drawer)

    def _capability_draws(self) -> Drawn:
        parts = [self._draws(at) for at in self.score.parts]
        turned = [
            Drawn(1.0 - part.draws if falls else part.draws, part.known, part.how)
            for part, falls in zip(parts, self.score.falling, strict=True)
        ]
        return self.drawer.mean(turned, self.score.weights)

    def _ranks(self, places: Sequence[int], rated: Sequence[int]) -> Ranks:
        """Return the ranks of some rows, among them.

        What items show is asked of all models of the board at once, whatever the budgets leave: a
        leaderboard shows the same.
        """
        items, family = None, list(places)
        if self.drawer.samples is not None and places:
            bound = any(self.made.board.columns[at].per_host for at in self.score.parts)
            known = [p for p, v in enumerate(self.score.values) if isinstance(v, Measured)]
            kind = self._kind(places[0])
            family = [p for p in (rated if bound else known) if self._kind(p) == kind]
            if 1 < len(family) <= HOLM_MOST:
                parts = self.score.made_of(self.made)
                items = ItemReader(self.drawer.samples).table(parts, family)
        family = list(places) if items is None else family
        values = [v for p in family if isinstance(v := self.score.values[p], Measured)]
        found = rank_values(values, self.score.column, True, items)
        kept = [family.index(place) for place in places]
        return Ranks.of(found.above[np.ix_(kept, kept)])

    def _front(self, places: Sequence[int], at: int | None) -> tuple[dict[int, float], str]:
        """Return the probability of each model to be on the front, and where it comes from."""
        if at is None:
            return {}, ""
        resource, capability = self._draws(at), self._capability_draws()
        pair = np.stack([resource.draws, capability.draws], axis=2)
        kinds: dict[object, list[int]] = {}
        for place in places:
            if not np.isnan(pair[place]).any():
                kinds.setdefault(self._kind(place), []).append(place)
        more_is_better = bool(self.made.board.columns[at].higher_is_better)
        known = resource.known & capability.known
        found: dict[int, float] = {}
        for rivals in kinds.values():
            shares = front_probability(pair[rivals], (more_is_better, True))
            found |= {p: float(s) for p, s in zip(rivals, shares, strict=True) if known[p]}
        return found, "; ".join(dict.fromkeys((resource.how, capability.how)))


def _not_worse(best: int, ranked: Sequence[int], ranks: Ranks) -> list[int]:
    row = list(ranked).index(best)
    return [place for at, place in enumerate(ranked) if not ranks.above[row, at]]


def _verdict(
    able: Sequence[int], maybe: Sequence[int], candidates: Sequence[Candidate]
) -> tuple[AdviceVerdict, str]:
    if able:
        keep = "keeps" if len(able) == 1 else "keep"
        return "RECOMMENDED", f"{len(able)} of {len(candidates)} models {keep} every budget"
    if maybe:
        return "INCONCLUSIVE", (
            f"no model is sure to keep every budget; of {len(maybe)} a limit lies within an "
            "interval: measure more items or repeats"
        )
    unknown = sum(each.standing in ("unknown", "meets", "undecided") for each in candidates)
    if unknown:
        return "NONE", f"no model is known to keep every budget; {unknown} can't be judged"
    return "NONE", f"none of {len(candidates)} models keeps every budget"
