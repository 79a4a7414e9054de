"""Hold the statistics to their promises by simulation.

    python -m tests.bench.statistics --trials 10000 -o figures.json

Coverage of every interval, errors of the gate where a candidate is just as bad as a rule allows,
and the power that was predicted. Everything is simulated from fixed seeds, so that the table is the
same on every machine. ``--only`` runs the cells whose name holds a text, ``--part coverage``,
``errors`` or ``power`` one part; costly cells (thousands of resamples a trial) take a tenth of the
trials unless ``--full`` is given.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tests.bench import coverage_cells, gate_cells
from tests.bench.coverage_cells import Coverage
from tests.bench.gate_cells import ALPHA, Error, Power

_LEVEL = 0.95
_NEAR = 0.01
_POWER_NEAR = 0.03
#: A cell that is just within its promise is said to break it once in a thousand times.
_SURE = float(stats.norm.ppf(0.999))


def main() -> None:
    """Simulate, print the table and write the figures."""
    options = _options()
    rows = []
    print("| part | cell | n | promised | seen | trials | kept |\n|---|---|---|---|---|---|---|")
    for cell in chosen(options.part, options.only):
        trials = options.trials
        if not options.full and getattr(cell, "costly", False):
            trials = max(1, trials // 10)
        for row in figures(cell, trials):
            rows.append(row)
            print(_line(row), flush=True)
    broken = [row for row in rows if not row["kept"]]
    print(f"\n{len(rows)} figures, {len(broken)} outside their promise.")
    if options.output:
        Path(options.output).write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.statistics",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=10_000, help="in each cell")
    parser.add_argument("--part", default="coverage,errors,power")
    parser.add_argument("--only", default="", help="a text that the cell's name holds")
    parser.add_argument("--full", action="store_true", help="all trials of costly cells too")
    parser.add_argument("-o", "--output", help="a JSON file for the figures")
    return parser.parse_args()


def chosen(parts: str, only: str = "") -> Iterator[Coverage | Error | Power]:
    """Yield the cells of the parts whose name holds a text."""
    known = {
        "coverage": coverage_cells.cells,
        "errors": gate_cells.errors,
        "power": gate_cells.powers,
    }
    for part in parts.split(","):
        yield from (cell for cell in known[part]() if only in cell.name)


def figures(cell: Coverage | Error | Power, trials: int) -> list[dict[str, Any]]:
    """Return a cell's figures; its seed is its own, so that no other cell changes it."""
    rng = np.random.default_rng(zlib.crc32(f"{cell.name}/{cell.n}".encode()))
    if isinstance(cell, Coverage):
        return [_coverage(cell, rng, trials)]
    if isinstance(cell, Power):
        seen = sum(cell.trial(rng) for _ in range(trials)) / trials
        slack = _POWER_NEAR + _slack(cell.predicted, trials)
        kept = abs(seen - cell.predicted) <= slack
        return [_row("power", cell, f"{cell.predicted:.1%}", seen, trials, kept)]
    counts = np.zeros(2)
    for _ in range(trials):
        counts += cell.trial(rng)
    most = ALPHA + _slack(ALPHA, trials)
    return [
        _row(
            f"false {name}", cell, f"<= {ALPHA:.0%}", count / trials, trials, count / trials <= most
        )
        for name, count in zip(("PASS", "FAIL"), counts, strict=True)
    ]


def _coverage(cell: Coverage, rng: np.random.Generator, trials: int) -> dict[str, Any]:
    held = none = 0
    for _ in range(trials):
        found = cell.trial(rng)
        if found is None:
            none += 1
            continue
        low, high, truth = found
        held += low <= truth <= high
    seen = held / max(1, trials - none)
    slack = _slack(_LEVEL, trials)
    low = seen >= _LEVEL - _NEAR - slack
    near = low and seen <= _LEVEL + _NEAR + slack
    kept = {"near": near, "least": low, "none": True}[cell.promise] and none < trials
    told = {"near": "95 +- 1 %", "least": ">= 94 %", "none": "none"}[cell.promise]
    return {**_row("coverage", cell, told, seen, trials, kept), "without_interval": none}


def _slack(share: float, trials: int) -> float:
    return _SURE * math.sqrt(share * (1.0 - share) / trials)


def _row(
    part: str, cell: Any, promised: str, seen: float, trials: int, kept: bool
) -> dict[str, Any]:
    return {
        "part": part,
        "cell": cell.name,
        "n": cell.n,
        "promised": promised,
        "seen": float(round(seen, 5)),
        "trials": trials,
        "kept": bool(kept),
    }


def _line(row: dict[str, Any]) -> str:
    mark = "yes" if row["kept"] else "NO"
    return (
        f"| {row['part']} | {row['cell']} | {row['n']} | {row['promised']} | {row['seen']:.2%} | "
        f"{row['trials']} | {mark} |"
    )


if __name__ == "__main__":
    main()
