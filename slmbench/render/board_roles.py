"""What a column can be asked for: a capability, a resource, a budget that a buyer has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from slmbench.schema.base import Measured
from slmbench.schema.board import Column, Row

Role = Literal["capability", "resource"]

_RESOURCE_SUITES = frozenset({"latency", "load", "energy", "memory", "cost", "size", "carbon"})
_RESOURCE_UNITS = frozenset(
    {"bytes", "s", "ms", "J", "Wh", "kWh", "W", "gCO2e", "kgCO2e", "kg", "g", "USD", "EUR"}
)
_COST = r"(^|_)(usd|eur|cost|price)(_|$|@)"
#: The budgets a buyer names, in the order shown; of each kind, the first pattern with a number.
_BUDGETS: Mapping[str, tuple[str, ...]] = {
    "memory": (r"^peak_device_bytes$", r"^peak_resident_bytes$", r"^weight_bytes$", r"_bytes$"),
    "time per output token": (r"^tpot_s$", r"^tpot_s@p50$", r"^tpot_", r"^itl_"),
    "energy": (r"^j_per_output_token$", r"^j_per_", r"^wh_per_", r"(^|_)g?co2"),
    "cost": (_COST,),
    "toxicity": (r"^expected_max_toxicity$", r"^toxicity_probability$", r"toxic"),
}


def role_of(column: Column) -> Role:
    """Tell what a column is for a buyer: what a model can do, or what it takes."""
    takes = column.suite in _RESOURCE_SUITES or column.unit in _RESOURCE_UNITS or column.per_host
    return "resource" if takes or re.search(_COST, column.metric) else "capability"


def budget_columns(columns: Sequence[Column], rows: Sequence[Row]) -> dict[int, str]:
    """Return which columns get a slider from the start, each with the kind of its budget.

    Of each kind one: the first pattern that names a column, and of those it names, the one that
    was measured for the most models.
    """
    chosen: dict[int, str] = {}
    counts: dict[int, int] = {}
    for kind, patterns in _BUDGETS.items():
        for pattern in patterns:
            named = [
                index
                for index, column in enumerate(columns)
                if column.higher_is_better is not True
                and (kind != "toxicity" or column.suite == "toxicity")
                and re.search(pattern, column.metric)
            ]
            for index in named:
                counts.setdefault(index, _measured(rows, index))
            best = max(named, key=lambda index: counts[index], default=None)
            if best is not None and counts[best]:
                chosen.setdefault(best, kind)
                break
    return chosen


def _measured(rows: Sequence[Row], index: int) -> int:
    return sum(isinstance(row.cells[index].value, Measured) for row in rows)
