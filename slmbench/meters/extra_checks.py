"""Look which of slmbench's optional packages are installed, by their metadata alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import metadata

from slmbench.schema.checkup import Check

_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def extra_checks(
    requirements: Sequence[str] | None = None,
    version: Callable[[str], str] = metadata.version,
) -> list[Check]:
    """Return one check for each extra; nothing is imported.

    Args:
        requirements: lines of ``Requires-Dist``; None takes those of the installed slmbench.
        version: returns a distribution's version, or raises PackageNotFoundError.
    """
    if requirements is None:
        requirements = _own()
    wanted: dict[str, list[str]] = {}
    for line in requirements:
        extra, name = _EXTRA.search(line), _NAME.match(line.strip())
        if extra is None or name is None or extra.group(1) == "all":
            continue
        if name.group(0) != "slmbench":
            wanted.setdefault(extra.group(1), []).append(name.group(0))
    return [_extra(extra, names, version) for extra, names in sorted(wanted.items())]


def _own() -> list[str]:
    try:
        return metadata.requires("slmbench") or []
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return []


def _extra(extra: str, names: Sequence[str], version: Callable[[str], str]) -> Check:
    there, lacking = [], []
    for name in dict.fromkeys(names):
        try:
            there.append(f"{name} {version(name)}")
        except metadata.PackageNotFoundError:
            lacking.append(name)
    if not lacking:
        return Check(area="extras", name=extra, status="ok", text=", ".join(there))
    return Check(
        area="extras", name=extra, status="note", text=f"not installed: {', '.join(lacking)}",
        cure=f"pip install 'slmbench[{extra}]'",
    )  # fmt: skip
