"""Watch a model while a suite asks it: the time of its answers, and the energy of that time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from slmbench.execute.isolate import attempt
from slmbench.ports import Backend, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.energy_spec import LEAST_TICKS
from slmbench.units import clock

Answer = TypeVar("Answer")

#: The window's energy is the model's only where the model worked so much of it.
LEAST_BUSY = 0.9
#: What a backend may answer beyond the port.
_ASKED_BEYOND = frozenset({"choice_logprobs"})


class LapMeter(Protocol):
    """A meter that can be read while its window is open."""

    how: str
    elapsed_s: float

    def open(self) -> None:
        """Start the window."""

    def lap(self) -> dict[str, Measured | Absent]:
        """Return the readings since the start and leave the window open."""

    def close(self) -> dict[str, Measured | Absent]:
        """End the window."""


class MeteredBackend:
    """A backend whose answers are timed, with one window of energy from the first to the last.

    It stands behind the request cache, so an answer from there takes no time. Loading, warming up,
    and what a suite does before the first answer and after the last one are in neither number.

    Attributes:
        model_s: seconds in which the model answered.
        calls: how often it was asked.
    """

    def __init__(self, backend: Backend, meter: LapMeter | Absent) -> None:
        """Put a clock before ``backend``, and a meter where there is one."""
        self.info = backend.info
        self.model_s = 0.0
        self.calls = 0
        self._backend = backend
        self._meter = meter
        self._energy: Measurement = Absent(reason="the model was asked nothing")
        self._window_s = 0.0

    @property
    def batch_size(self) -> int:
        """Return the backend's own number of sequences in one forward pass."""
        return self._backend.batch_size

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        """Set the backend's own."""
        self._backend.batch_size = size

    @property
    def energy(self) -> Measurement:
        """Return the joules from the first answer to the last, or why they are not the model's."""
        if self.calls == 0:
            return self._energy
        if isinstance(self._meter, Absent):
            return self._meter
        tick: float | None = getattr(self._meter, "tick_s", None)
        if tick is not None and self._window_s < LEAST_TICKS * tick:
            return Absent(
                reason=f"the model answered within {self._window_s:.3g} s, too short for a sensor "
                f"that ticks every {tick:.3g} s: give the job items for {LEAST_TICKS * tick:.3g} s"
            )
        if isinstance(self._energy, Measured) and self.model_s < LEAST_BUSY * self._window_s:
            return Absent(
                reason=f"the model worked {self.model_s / self._window_s:.0%} of the window; the "
                "rest is scoring or another model's work, which the meter can't tell apart"
            )
        return self._energy

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score pairs, timed."""
        begin = self.info.prefix_token_id
        self._warm_up(lambda: self._backend.loglikelihood([((begin,), (begin,))]))
        return self._timed(lambda: self._backend.loglikelihood(pairs))

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Continue prompts, timed."""
        one = Sampling(max_new_tokens=1)
        self._warm_up(lambda: self._backend.generate([(self.info.prefix_token_id,)], one, 1))
        return self._timed(lambda: self._backend.generate(prompts, how, k))

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return the backend's token ids."""
        return self._backend.encode(text, add_special_tokens)

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the backend's text of token ids."""
        return self._backend.decode(tokens, skip_special_tokens)

    def static_memory(self) -> dict[str, Measurement]:
        """Return what the backend knows without running."""
        return self._backend.static_memory()

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return the backend's prompt text of a conversation."""
        return self._backend.apply_chat_template(messages, add_prompt)

    def notes(self) -> tuple[str, ...]:
        """Return the backend's own."""
        return self._backend.notes()

    def close(self) -> None:
        """Free the weights."""
        self._backend.close()

    def stop(self) -> None:
        """End the window of energy, where one was opened."""
        if not isinstance(self._meter, Absent) and self.calls:
            self._meter.close()

    def __getattr__(self, name: str) -> Any:
        """Return what a backend has beyond the port; what asks the model is timed."""
        found = getattr(self._backend, name)
        if name not in _ASKED_BEYOND:
            return found
        return lambda *args, **kwargs: self._timed(lambda: found(*args, **kwargs))

    def _warm_up(self, ask: Callable[[], object]) -> None:
        """Ask for one token before the first answer: kernels and probes are ready then.

        A server is not asked what nobody wanted, and a failure is left to the answer that follows.
        """
        known = 0 <= self.info.prefix_token_id < self.info.vocab_size
        if self.calls == 0 and known and not self.info.is_remote:
            attempt(ask)

    def _timed(self, ask: Callable[[], Answer]) -> Answer:
        meter = self._meter
        if not isinstance(meter, Absent) and self.calls == 0:
            meter.open()
        self.calls += 1
        start = clock()
        answer = ask()
        self.model_s += clock() - start
        if not isinstance(meter, Absent):
            self._energy = meter.lap()["energy_j"]
            self._window_s = meter.elapsed_s
        return answer
