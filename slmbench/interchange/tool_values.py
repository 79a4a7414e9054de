"""What importers of resource measurements share: a file's values as metrics, and no path kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from slmbench.interchange.kept_json import keep_json
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.record import Aggregation, Metric
from slmbench.stats.grouped import grouped_quantile_interval, readings_needed
from slmbench.stats.interval import mean_interval
from slmbench.stats.quantiles import quantile_interval
from slmbench.store.layout import slug

#: No time, rate, size or energy of ours is beyond it, and the squares of such values stay finite.
_LARGEST = 1e18
#: ``n`` where a file does not say how many readings a number rests on, as for published figures.
UNKNOWN_COUNT = 0
_DEEPEST = 40
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,15}://[^\s\"'<>]*")
_FOLDERS = re.compile(r"(?<![\w.:/\\])(?:~|[A-Za-z]:)?[/\\]+(?:[^/\\\s:\"']+[/\\]+)+")
#: Keys of settings whose values are nobody's business.
_SECRET = re.compile(
    r"(?:.*_)?(?:key|secret|password|passwd|authorization|headers?|credentials?|token)"
)
Better = Literal["higher", "lower"] | None


def amount(value: Any) -> float | None:
    """Return a finite number that is not negative, or None; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LARGEST else None


def count(value: Any) -> int | None:
    """Return a whole number that is not negative, or None."""
    found = amount(value)
    return int(found) if found is not None and found == int(found) else None


def amounts(values: Any) -> list[float] | None:
    """Return a list of nothing but amounts that holds at least one, or None."""
    if not isinstance(values, list) or not values:
        return None
    found = [each for each in map(amount, values) if each is not None]
    return found if len(found) == len(values) else None


def table(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a JSON array; what is no object in it is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def at(value: Any, *keys: str) -> Any:
    """Return what lies under nested keys of JSON objects, or None."""
    for key in keys:
        value = table(value).get(key)
    return value


def text(value: Any) -> str:
    """Return a string that any file can hold; empty for what is no string."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def base_name(path: str) -> str:
    """Return the last part of a path on this machine; a hub's ``owner/name`` stays whole."""
    is_path = re.match(r"[/\\~.]|[A-Za-z]:[/\\]", path) or path.count("/") > 1 or "\\" in path
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] if is_path else path


def task_name(*parts: str) -> str:
    """Return parts as the name of a task, joined by dashes; it holds no slash."""
    return slug("-".join(part for part in parts if part))[:100]


def kept(value: Any, depth: int = 0) -> Any:
    """Return a parsed JSON value as a record can hold it.

    NaN is spelled out as in `keep_json`. Folders of paths, whole addresses and the values of keys
    and headers are left out: a record names no user, host or path, and no secret.
    """
    if depth > _DEEPEST:
        return "(nested too deeply to be kept)"
    if isinstance(value, dict):
        return {
            text(str(key)): "(left out)"
            if each and _SECRET.fullmatch(str(key).lower())
            else kept(each, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [kept(each, depth + 1) for each in value]
    if isinstance(value, str):
        return _FOLDERS.sub("", _ADDRESS.sub("(an address)", text(value)))
    is_plain = value is None or isinstance(value, bool | int | float)
    return keep_json(value) if is_plain else text(str(value))


def utc_time(value: Any) -> str | None:
    """Return seconds since 1970, or an ISO 8601 text, as a record's time in UTC; None for others.

    A text without a zone is taken as UTC.
    """
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        elif (seconds := amount(value)) is not None and seconds > 0:
            found = datetime.fromtimestamp(seconds, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found.isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Place:
    """Where metrics belong and how they are known.

    Attributes:
        prefix: stands before every name: the stage of a load test.
        how: provenance; ``imported: TOOL VERSION``, or ``estimated: ...``.
    """

    suite: str
    task: str
    how: str
    prefix: str = ""

    def metric(
        self, name: str, value: Measurement, better: Better, rule: Aggregation | None = None
    ) -> Metric:
        """Return a metric of this place."""
        return Metric(
            suite=self.suite, task=self.task, metric=self.prefix + name, value=value,
            higher_is_better=None if better is None else better == "higher", aggregation=rule,
        )  # fmt: skip

    def absent(self, name: str, reason: str, better: Better) -> Metric:
        """Return a metric that the file has no number for."""
        return self.metric(name, Absent(reason=reason), better)

    def known(
        self, value: float, unit: str, source: str, n: int, interval: Interval | None = None
    ) -> Measured:
        """Return a number of the file as measured elsewhere."""
        return Measured(
            value=value, unit=unit, n=n, interval=interval, how=self.how, source=source
        )  # fmt: skip

    def mean(self, name: str, values: Sequence[float], unit: str, source: str) -> Metric:
        """Return the mean of repeats with Student's interval, cut at 0; of times less is better."""
        interval, rule = mean_interval(values), Aggregation(kind="mean", score=name)
        if interval is not None:
            interval = interval.model_copy(update={"low": max(0.0, interval.low)})
        value = self.known(float(np.mean(values)), unit, source, len(values), interval)
        return self.metric(name, value, "lower" if unit == "s" else "higher", rule)

    def quantile(
        self, name: str, values: Sequence[float], q: float | None, unit: str, source: str,
        groups: Sequence[Sequence[float]] | None = None,
    ) -> Metric:  # fmt: skip
        """Return a quantile of readings, the median where ``q`` is None; of times less is better.

        Args:
            groups: the same readings in groups that move together, whose bootstrap gives the
                interval; None takes readings as independent. Where there are too few for an
                interval, the number stands without one and says so.
        """
        interval = None
        if len(values) >= readings_needed(q or 0.5):
            interval = (
                quantile_interval(values, q or 0.5)
                if groups is None
                else grouped_quantile_interval(groups, q or 0.5)
            )
        if interval is None:
            source += f"; {len(values)} readings are too few for an interval"
        value = self.known(
            float(np.quantile(values, q or 0.5)), unit, source, len(values), interval
        )  # fmt: skip
        rule = Aggregation(
            kind="median" if q is None else "quantile", score=self.prefix + name, q=q
        )  # fmt: skip
        better: Better = "lower" if unit == "s" else "higher"
        return self.metric(name + quantile_suffix(q), value, better, rule)


def quantile_suffix(q: float | None) -> str:
    """Return what a quantile's name ends with: ``@p95``; nothing for the median of all."""
    return "" if q is None else f"@p{round(q * 100, 6):g}"
