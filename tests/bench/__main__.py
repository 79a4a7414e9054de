"""Time slmbench beside lm-eval's ``hf``, in turn, in one process, on the same weights."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import transformers

from slmbench.units import clock
from tests.bench import memory, sides
from tests.bench.shape import Shape, write
from tests.bench.work import WORK

#: Batch sizes that lm-eval is tried with; the quickest is what slmbench is compared with.
_BATCHES = {"generate_until": (16, 32, 64)}
_SCORING_BATCHES = (1, 4, 16)
#: Share of the items that those are tried on.
_TRIED = 0.35


def main() -> None:
    """Run the chosen work and write the figures."""
    options = _options()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(options.threads)
    shape = Shape(
        options.architecture,
        options.hidden, options.intermediate, options.layers, options.heads, options.kv_heads,
        options.vocabulary,
    )  # fmt: skip
    figures = _figures(options, shape)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = write(shape, Path(folder), options.dtype.split(",")[0])
        for number, dtype in enumerate(options.dtype.split(",")):
            scale = options.scale[min(number, len(options.scale) - 1)]
            for name in options.work.split(","):
                row = _measure(name, checkpoint, dtype, shape, scale, options.rounds)
                _say(row)
                _keep(figures, row, options.output)
    if not options.no_memory:
        figures["rolling_resident_bytes"] = _memory()
        print(f"resident bytes: {figures['rolling_resident_bytes']}", flush=True)
        _write(figures, options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--work", default=",".join(WORK), help="comma-separated: %(default)s")
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16 or both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--scale",
        type=lambda text: [float(each) for each in text.split(",")],
        default=[1.0],
        help="times the items of each work; comma-separated, one for each dtype",
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for field, default in asdict(Shape()).items():
        if field != "context":
            name = field.replace("_", "-")
            kind = type(default)
            parser.add_argument(f"--{name}", type=kind, default=default, help="%(default)s")
    parser.add_argument("--no-memory", action="store_true", help="leave the peak memory out")
    parser.add_argument(
        "-o",
        "--output",
        help="a JSON file for the figures; rows of other work measured alike stay in it",
    )
    return parser.parse_args()


def _measure(
    name: str, checkpoint: Path, dtype: str, shape: Shape, scale: float, rounds: int
) -> dict[str, Any]:
    make, items, method, title = WORK[name]
    items = items if name == "continuations" else max(1, round(items * scale))
    backend, ours = sides.slmbench_side(checkpoint, dtype)
    theirs = sides.lm_eval_side(backend)
    sides.call(ours, method, make(2, shape.vocabulary, 10**6))
    tried = items if method == "generate_until" else max(2, round(items * _TRIED))
    batch = _best_batch(theirs, method, make(tried, shape.vocabulary, 10**7))
    theirs.batch_size_per_gpu = batch
    seconds: dict[str, list[float]] = {"slmbench": [], "limit": [], "lm-eval hf": []}
    worst = 0.0
    for seed in range(rounds):
        requests = make(items, shape.vocabulary, seed)
        answers = {}
        for side, harness in (("slmbench", ours), ("lm-eval hf", theirs)):
            start = clock()
            answers[side] = sides.call(harness, method, requests)
            seconds[side].append(clock() - start)
            if side == "slmbench" and method == "_loglikelihood_tokens":
                run, _ = sides.limit(backend._model, requests)
                start = clock()
                run()
                seconds["limit"].append(clock() - start)
        worst = max(worst, _difference(name, *answers.values()))
    del theirs, ours
    backend.close()
    found = {"work": name, "title": title, "dtype": dtype, "items": items, "lm_eval_batch": batch}
    return {**found, **_summary(seconds), "largest_difference": worst}


def _best_batch(theirs: Any, method: str, requests: Any) -> int:
    times = {}
    for batch in _BATCHES.get(method, _SCORING_BATCHES):
        if batch > 2 * len(requests):
            continue
        theirs.batch_size_per_gpu = batch
        start = clock()
        sides.call(theirs, method, requests)
        times[batch] = clock() - start
    return min(times, key=times.__getitem__)


def _difference(name: str, ours: Any, theirs: Any) -> float:
    """Return how far answers are apart: log-likelihoods in nats, greedy texts as a share."""
    if name == "continuations":
        return 0.0
    if isinstance(ours[0], str):
        return sum(a != b for a, b in zip(ours, theirs, strict=True)) / len(ours)
    first, second = ([x[0] if isinstance(x, tuple) else x for x in each] for each in (ours, theirs))
    return max(abs(a - b) for a, b in zip(first, second, strict=True))


def _summary(seconds: dict[str, list[float]]) -> dict[str, Any]:
    ratios = [b / a for a, b in zip(seconds["slmbench"], seconds["lm-eval hf"], strict=True)]
    shares = [b / a for a, b in zip(seconds["slmbench"], seconds["limit"], strict=False)]
    return {
        "seconds": {side: [round(each, 3) for each in times] for side, times in seconds.items()},
        "ratio": round(statistics.median(ratios), 2),
        "ratio_low": round(min(ratios), 2),
        "ratio_high": round(max(ratios), 2),
        "share_of_limit": round(statistics.median(shares), 2) if shares else None,
    }


def _say(row: dict[str, Any]) -> None:
    medians = {side: statistics.median(t) for side, t in row["seconds"].items() if t}
    shown = ", ".join(f"{side} {seconds:.2f} s" for side, seconds in medians.items())
    print(
        f"{row['title']} ({row['dtype']}): {row['ratio']}x [{row['ratio_low']}, "
        f"{row['ratio_high']}], share of the limit {row['share_of_limit']}; {shown}; lm-eval at "
        f"batch {row['lm_eval_batch']}; largest difference {row['largest_difference']:.2g}",
        flush=True,
    )


def _memory() -> dict[str, dict[str, int]]:
    """Return the resident bytes of each side, one process each: with the model loaded, and at most.

    The peak is that of rolling perplexity; see `tests.bench.memory`.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write(memory.SHAPE, Path(folder))
        for side in ("slmbench", "lm-eval hf"):
            command = [sys.executable, "-m", "tests.bench.memory", side, folder]
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            loaded, peak = map(int, out.split()[-2:])
            found[side] = {"loaded": loaded, "peak": peak}
    return found


def _figures(options: argparse.Namespace, shape: Shape) -> dict[str, Any]:
    """Return what all rows share, and the rows of a file that was measured in the same way."""
    shared = {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "threads": options.threads,
        "shape": asdict(shape),
        "versions": {name: version(name) for name in ("torch", "transformers", "lm_eval")},
    }
    path = Path(options.output) if options.output else None
    if path is not None and path.exists():
        held = json.loads(path.read_text("utf-8"))
        if {key: held.get(key) for key in shared} == shared:
            return dict(held)
    return {**shared, "rounds": options.rounds, "rows": [], "rolling_resident_bytes": None}


def _keep(figures: dict[str, Any], row: dict[str, Any], output: str | None) -> None:
    """Put a row in the place of an older one of the same work, in the order of the work."""
    order = [(dtype, name) for dtype in ("float32", "bfloat16", "float16") for name in WORK]
    others = [
        each
        for each in figures["rows"]
        if (each["dtype"], each["work"]) != (row["dtype"], row["work"])
    ]
    rows = [*others, row]
    figures["rows"] = sorted(rows, key=lambda each: order.index((each["dtype"], each["work"])))
    figures["rounds"] = min(len(each["seconds"]["slmbench"]) for each in rows)
    _write(figures, output)


def _write(figures: dict[str, Any], output: str | None) -> None:
    if output:
        Path(output).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
