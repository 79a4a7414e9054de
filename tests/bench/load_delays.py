"""How far the load generator's times are from a server's own account of its delays.

``python -m tests.bench.load_delays``: a server in a process of its own answers with 20 ms to the
first token and 5 ms to each further one, under a closed loop, a constant and a Poisson rate. Each
round prints, for TTFT, ITL and end-to-end time, the generator's quantile less the server's own.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np

from slmbench.backends.openai_http import OpenAIHttp
from slmbench.plan.model_text import parse_model
from slmbench.resources import reference_dir
from slmbench.schema.load_spec import LoadSpec
from slmbench.suites.load.driver import run_stage
from slmbench.suites.load.outcome import Outcome, Stage
from slmbench.suites.workload_file import Workload
from tests.known_delays import Answered, KnownServer, known_server, undisturbed

WORK = Workload(workload="w", version=1, text="", prompt_tokens=16, output_tokens=4, batch_size=1)
PROMPTS = [[300 + i] * 16 for i in range(8)]
STAGES = (
    (Stage("closed_1", False, 1), "constant"),
    (Stage("open_50", True, 50.0), "constant"),
    (Stage("open_30", True, 30.0), "poisson"),
)
QUANTILES = (0.5, 0.99)


def main() -> None:
    """Print each round's distances and, for each stage, the median of its rounds."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load_delays", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with undisturbed(), known_server(0.02, 0.005) as server:
        text = f"openai:{server.url},model=known,tokenizer={reference_dir() / 'pico'}"
        model = parse_model(text)
        target = OpenAIHttp(model, model.target)
        for stage, arrival in STAGES:
            load = LoadSpec(duration_s=2.5, ramp_s=0.2, arrival=arrival)  # type: ignore[arg-type]
            kept: dict[float, list[float]] = {q: [] for q in QUANTILES}
            for number in range(rounds):
                mine, own = one_round(server, target, stage, load, number)
                for q in QUANTILES:
                    kept[q].append(distance(mine, own, q))
            bare_ms = 1e3 * float(np.quantile(server.round_trips(100), 0.99))
            for q, found in kept.items():
                each = " ".join(f"{1e3 * value:.2f}" for value in found)
                middle = 1e3 * statistics.median(found)
                print(f"{stage.name} {arrival} p{100 * q:.0f}: median {middle:.2f} ms of {each}")
            print(f"{stage.name} {arrival}: a bare question's p99 is {bare_ms:.2f} ms")
        target.close()


def one_round(
    server: KnownServer, target: OpenAIHttp, stage: Stage, load: LoadSpec, seed: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return the generator's times and the server's, in seconds, without those of the ramp.

    The ramp is where the first connections are made.
    """
    server.record()
    everything = run_stage(stage, load, target, WORK, PROMPTS, seed)
    record = server.record()
    assert len(everything) == len(record) and not any(each.failure for each in everything)
    pairs = [
        (mine, own)
        for mine, own in zip(everything, record, strict=True)
        if mine.scheduled_s >= load.ramp_s
    ]
    return times([mine for mine, _ in pairs]), own_times([own for _, own in pairs])


def distance(mine: dict[str, list[float]], own: dict[str, list[float]], q: float) -> float:
    """Return the largest distance between two quantiles of the same kind of time, in seconds."""
    return max(abs(float(np.quantile(mine[name], q) - np.quantile(own[name], q))) for name in mine)


def times(outcomes: list[Outcome]) -> dict[str, list[float]]:
    """Return the times that the generator took down."""
    return {
        "ttft": [each.ttft_s for each in outcomes],
        "itl": [gap for each in outcomes for gap in each.gaps_s],
        "e2e": [each.e2e_s for each in outcomes],
    }


def own_times(record: list[Answered]) -> dict[str, list[float]]:
    """Return the times of the server's own account."""
    return {
        "ttft": [each.token_times_s[0] - each.received_s for each in record],
        "itl": [gap for each in record for gap in np.diff(each.token_times_s).tolist()],
        "e2e": [each.token_times_s[-1] - each.received_s for each in record],
    }


if __name__ == "__main__":
    main()
