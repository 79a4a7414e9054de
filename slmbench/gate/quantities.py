"""A limit as a policy writes it, in the unit its metric has."""

from __future__ import annotations

import re

from slmbench.errors import InputError
from slmbench.schema.policy import Quantity, read_quantity

_ALIASES = {"bytes": "B", "byte": "B", "seconds": "s"}
_RATIOS = ("", "1", "ratio", "fraction", "probability")


def in_metric_unit(limit: Quantity, unit: str, path: str) -> float:
    """Return the number to hold against a value in ``unit``; a bare number is already in it.

    Raises:
        InputError: the limit is a quantity of something else, such as seconds for bytes.
    """
    if limit.dimension == "none" or (limit.dimension == "ratio" and unit in _RATIOS):
        return limit.value
    # The unit of a rate or of a count of work starts with the quantity: "J/token", "Wh/1000".
    head = re.split(r"[\s/]", unit, maxsplit=1)[0]
    try:
        one = read_quantity(f"1 {_ALIASES.get(head.lower(), head)}")
    except ValueError:
        one = None
    if one is None or one.dimension != limit.dimension:
        raise InputError(
            f"The limit '{limit.text}' does not fit '{path}', which is in '{unit or 'no unit'}'. "
            "Write a number in that unit."
        )
    return limit.value / one.value
