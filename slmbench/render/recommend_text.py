"""A recommendation as text: the answer first, then every model with its numbers and its limits."""

from __future__ import annotations

from collections.abc import Sequence

from slmbench.render.text_table import Row, aligned_table, one_line
from slmbench.schema.base import Absent, Interval, Measured
from slmbench.schema.recommendation import Answer, Candidate, Check, Recommendation, Standing
from slmbench.units import format_value

#: Models of a table; all are in the JSON.
MOST_ROWS = 25
#: Models that are named in one sentence.
_NAMED = 8
_WORST_FIRST: tuple[Standing, ...] = ("fails", "unknown", "undecided", "meets")
_SIGNS = {"meets": "", "fails": " OVER", "undecided": " within its interval", "unknown": ""}


def render_recommendation(found: Recommendation) -> str:
    """Return the whole answer for a terminal."""
    blocks = [_answer(found, answer) for answer in found.answers]
    if found.unplaced:
        reasons: dict[str, list[str]] = {}
        for each in found.unplaced:
            reasons.setdefault(_why_unplaced(each), []).append(each.label)
        lines = [f"{_names(labels)}: {why}." for why, labels in reasons.items()]
        shown = ["No number of any of these machines:", "", *lines[:MOST_ROWS]]
        blocks.append("\n".join(shown + _more(len(lines))))
    blocks.append("\n".join(_closing(found)))
    return "\n\n".join(blocks) + "\n"


def _answer(found: Recommendation, answer: Answer) -> str:
    where = f" on {answer.hardware}" if answer.hardware else ""
    lines = [one_line(f"{_headline(answer)}{where}: {answer.reason}.")]
    if answer.recommended is not None:
        lines += _why(found, answer)
    if answer.tied:
        names = _names(answer.tied)
        lines.append(f"Tied with it, no difference in capability is shown: {names}.")
    if answer.open:
        names = _names(answer.open)
        lines.append(f"Open, a limit lies within an interval: {names}.")
    if answer.incomparable:
        names = _names(answer.incomparable)
        lines.append(f"Not held against it, their capability is known in another way: {names}.")
    shown = answer.candidates[:MOST_ROWS]
    head = Row("model", "capability", "rank", "on the front", *_budget_heads(found))
    table = aligned_table(head, [_row(each, found) for each in shown], right=(2, 3))
    lines += ["", table, *_more(len(answer.candidates))]
    reasons = [text for each in shown if (text := _reasons(each))]
    if reasons:
        lines += ["", *reasons]
    return "\n".join(lines)


def _headline(answer: Answer) -> str:
    if answer.recommended is not None:
        return f"RECOMMENDED {answer.recommended}"
    return answer.verdict


def _why(found: Recommendation, answer: Answer) -> list[str]:
    """Return the recommended model's numbers, one to a line."""
    chosen = next(each for each in answer.candidates if each.label == answer.recommended)
    lines = [f"  {found.capability}: {_value(chosen.capability, '')}{_marks(chosen.marks)}"]
    lines += [
        f"  {check.path}: {_value(check.value, check.unit)}{_marks(check.marks)}, "
        f"{_limit(check.op, check.limit, check.unit)}"
        for check in chosen.checks
    ]
    if chosen.front_probability is not None and answer.tightest is not None:
        share = _share(chosen.front_probability)
        lines.append(f"  on the front of capability against {answer.tightest}: {share}")
    return [
        one_line(line) if not line.startswith("  ") else "  " + one_line(line) for line in lines
    ]


def _budget_heads(found: Recommendation) -> list[str]:
    return [budget.name for budget in found.budgets]


def _row(each: Candidate, found: Recommendation) -> Row:
    ranks = "-"
    if each.ranks is not None:
        low, high = each.ranks
        ranks = str(low) if low == high else f"{low} to {high}"
    share = "-" if each.front_probability is None else _share(each.front_probability)
    cells = [_worst(each, budget.name) for budget in found.budgets]
    capability = _value(each.capability, "") + _marks(each.marks)
    if isinstance(each.capability, Absent):
        capability = "-"
    return Row(each.label, capability, ranks, share, *cells)


def _worst(each: Candidate, budget: str) -> str:
    """Return the check that decides the budget for this model."""
    own = [check for check in each.checks if check.budget == budget]
    for standing in _WORST_FIRST:
        for check in own:
            if check.standing == standing:
                if isinstance(check.value, Absent):
                    return "not known"
                value = _value(check.value, check.unit)
                return f"{value}{_marks(check.marks)}{_sign(check)}"
    return "-"


def _sign(check: Check) -> str:
    if check.standing == "fails" and check.op == ">=":
        return " UNDER"
    return _SIGNS[check.standing]


def _reasons(each: Candidate) -> str:
    """Say in words what keeps a model from being recommended; empty where nothing does."""
    why = _why_not(each)
    return one_line(f"{each.label}: {why}.") if why else ""


def _why_not(each: Candidate) -> str:
    parts = [_reason(check) for check in each.checks if check.standing != "meets"]
    if isinstance(each.capability, Absent):
        parts.append(f"no capability: {each.capability.reason}")
    return "; ".join(parts)


def _reason(check: Check) -> str:
    limit = _limit(check.op, check.limit, check.unit)
    if isinstance(check.value, Absent):
        return f"{check.path} can't be judged: {check.value.reason}"
    value = _value(check.value, check.unit)
    if check.standing == "undecided":
        return f"{check.path} is {value}: the limit ({limit}) lies within its interval"
    note = f" ({check.reason})" if check.reason else ""
    return f"{check.path} is {value}, beyond the limit ({limit}){note}"


def _why_unplaced(each: Candidate) -> str:
    return one_line(_why_not(each) or f"measured on {each.hardware}")


def _closing(found: Recommendation) -> list[str]:
    lines = [
        f"Capability: {found.capability}, more is better. A budget is kept where the whole 95 % "
        "interval keeps it; what was not measured keeps none.",
        "Ranks hold together at 95 % (Holm over all pairs of the board).",
    ]
    hows = dict.fromkeys(answer.front_how for answer in found.answers if answer.front_how)
    tightest = dict.fromkeys(answer.tightest for answer in found.answers if answer.tightest)
    if hows:
        lines.append(
            f"The front: capability against {', '.join(tightest)}, of all models of one machine "
            f"that have both; {'; '.join(hows)}."
        )
    return lines + [one_line(f"Note: {note}") for note in found.notes]


def _value(value: Measured | Absent, unit: str) -> str:
    if isinstance(value, Absent):
        return f"not known: {value.reason}"
    return f"{format_value(value.value, unit)}{_interval(value.interval, unit)}"


def _interval(interval: Interval | None, unit: str) -> str:
    if interval is None:
        return " (no interval)"
    return f" [{format_value(interval.low, unit)}, {format_value(interval.high, unit)}]"


def _limit(op: str, limit: float, unit: str) -> str:
    return f"{'at most' if op == '<=' else 'at least'} {format_value(limit, unit)}"


def _marks(marks: Sequence[str]) -> str:
    return f" ({', '.join(marks)})" if marks else ""


def _share(probability: float) -> str:
    """Print a probability; draws can't tell 99.9 % from certainty."""
    if probability >= 0.9995:
        return "> 99.9 %"
    return "< 0.1 %" if probability < 0.0005 else f"{100.0 * probability:.1f} %"


def _names(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return one_line(", ".join(labels[:_NAMED]) + more)


def _more(count: int) -> list[str]:
    return [f"and {count - MOST_ROWS} more (--json has them all)"] if count > MOST_ROWS else []
