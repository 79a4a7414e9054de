"""Run rounds of a workload until their times have settled and enough of them can be counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean

from slmbench.ports import Backend, Context
from slmbench.stats.warm_up import warm_up
from slmbench.suites.run_queue import RunQueue
from slmbench.suites.workload_file import Workload
from slmbench.suites.workloads import RoundPrompts, run_batch
from slmbench.units import clock

#: A series that has not settled after so many times its counted rounds will not be waited for.
_MOST_SHARE = 3
#: From this share on a reader is told that others had the CPU.
_MUCH_WAITED = 0.05


@dataclass(frozen=True)
class Round:
    """One round: for each request the seconds from the round's start to each of its tokens.

    ``encode_s`` and ``decode_s`` are the tokenizer's seconds for one prompt and for one answer;
    None where the tokenizer that counts is elsewhere. ``waited_s`` is what others' use of the CPU
    added to the round (`RunQueue`), None where that is not known.
    """

    times_s: tuple[tuple[float, ...], ...]
    encode_s: float | None
    decode_s: float | None
    waited_s: float | None = None

    @property
    def ttft_s(self) -> float:
        """Return the mean time of the requests' first tokens."""
        return mean(times[0] for times in self.times_s)

    @property
    def e2e_s(self) -> float:
        """Return the mean time of the requests' last tokens."""
        return mean(times[-1] for times in self.times_s)

    @property
    def last_s(self) -> float:
        """Return when the last request was answered."""
        return max(times[-1] for times in self.times_s)

    @property
    def prefilled_s(self) -> float:
        """Return when every request had its first token."""
        return max(times[0] for times in self.times_s)

    @property
    def decoding_s(self) -> float:
        """Return the time from the first of all tokens to the last."""
        return self.last_s - min(times[0] for times in self.times_s)

    @property
    def gaps_s(self) -> list[float]:
        """Return the gaps between tokens; requests that move in step count once."""
        return [
            later - sooner
            for times in dict.fromkeys(self.times_s)
            for sooner, later in pairwise(times)
        ]


@dataclass(frozen=True)
class Rounds:
    """All rounds of a job, of which the last ``repeats`` are counted."""

    every: tuple[Round, ...]
    dropped_count: int
    is_settled: bool | None
    notes: tuple[str, ...] = ()

    @property
    def counted(self) -> tuple[Round, ...]:
        """Return the rounds after the warm-up."""
        return self.every[self.dropped_count :]

    @property
    def waited_share(self) -> float | None:
        """Return the share of the counted rounds' time in which others had the CPU, or None."""
        waits = [each.waited_s for each in self.counted if each.waited_s is not None]
        total = sum(each.last_s for each in self.counted)
        if len(waits) < len(self.counted) or total <= 0.0:
            return None
        return min(1.0, sum(waits) / total)


def timed_rounds(
    workload: Workload, prompts: RoundPrompts, backend: Backend, context: Context
) -> Rounds:
    """Run the warm-up and ``repeats`` rounds behind it.

    After every ``repeats`` the rounds are looked at as a whole (`slmbench.stats.warm_up`); where
    the level changed later than was thought, further rounds are run in place of those.

    Raises:
        InputError: the backend wrote another number of tokens.
    """
    elsewhere = backend.info.is_remote
    texts = [] if elsewhere else [backend.decode(prompt) for prompt in prompts.first]
    repeats, rounds = workload.repeats, list[Round]()
    goal, most = workload.warmup + repeats, workload.warmup + _MOST_SHARE * repeats
    while True:
        while len(rounds) < goal:
            rounds.append(_round(workload, prompts.of_round(len(rounds)), texts, backend))
            context.progress(len(rounds), goal)
        found = warm_up([each.e2e_s for each in rounds])
        dropped = max(workload.warmup, found.dropped_count)
        missing = repeats - (len(rounds) - dropped)
        if missing <= 0 or len(rounds) >= most:
            break
        goal = min(len(rounds) + missing, most)
    notes: tuple[str, ...] = ()
    if missing > 0:
        notes = (
            f"the times had not settled after {len(rounds)} rounds (the level last changed at "
            f"round {found.dropped_count + 1}): the last {repeats} are counted all the same",
        )
    settled = False if missing > 0 else found.is_settled
    done = Rounds(tuple(rounds), len(rounds) - repeats, settled, notes)
    share = done.waited_share
    if share is None or share < _MUCH_WAITED:
        return done
    busy = (
        f"others had the CPU for {share:.0%} of the counted rounds' time, which is in every number"
    )
    return replace(done, notes=(*notes, busy))


def _round(
    workload: Workload, prompts: list[list[int]], texts: list[str], backend: Backend
) -> Round:
    queue = RunQueue()
    written = run_batch(workload, prompts, backend)
    times = tuple(each.token_times_s for each in written)
    if not texts:
        return Round(times, None, None)
    waited_s = queue.waited_s()
    start = clock()
    for text in texts:
        backend.encode(text)
    middle = clock()
    for each in written:
        backend.decode(each.tokens)
    encode_s, decode_s = (middle - start) / len(texts), (clock() - middle) / len(texts)
    return Round(times, encode_s, decode_s, waited_s)
