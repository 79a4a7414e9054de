"""The Protocols a plug-in implements: Backend, Suite, Scorer, Meter and Executor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from slmbench.schema.base import Absent, Measurement
from slmbench.schema.plan import Job, Plan
from slmbench.schema.record import JobRecord, JobResult, RunRecord
from slmbench.schema.spec import RunSpec

Tokens = Sequence[int]


@dataclass(frozen=True)
class BackendInfo:
    """What a loaded model is; ``prefix_token_id`` conditions the first token of a text.

    ``is_remote``: it runs in another process, so no instrument of ours sees its memory or energy.
    """

    architecture: str
    dtype: str
    device: str
    parameter_count: int | None
    max_length: int
    vocab_size: int
    eot_token_id: int
    prefix_token_id: int
    load_s: float
    is_encoder_decoder: bool = False
    is_remote: bool = False


@dataclass(frozen=True)
class Sampling:
    """How to continue a prompt; temperature 0 is greedy, ``stop`` ends a text before itself."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()
    seed: int = 0
    ignore_eos: bool = False


@dataclass(frozen=True)
class Generation:
    """One continuation; ``token_times_s[i]`` is when token i was there, counted from the call."""

    text: str
    tokens: tuple[int, ...]
    token_times_s: tuple[float, ...] = ()


class Backend(Protocol):
    """A loaded model. Every method is deterministic for the same arguments on the same host."""

    info: BackendInfo
    batch_size: int

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return token ids; None leaves special tokens to the tokenizer."""

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the text of token ids."""

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score (context, continuation) pairs: summed natural-log likelihood, and is it greedy."""

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Return k continuations of each prompt, prompts x k, with the time of every token."""

    def static_memory(self) -> dict[str, Measurement]:
        """Return what is known without running: weight, file and key/value-cache bytes."""

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return the prompt text of a conversation. Raises InputError without a template."""

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the record should know of how answers were computed."""

    def close(self) -> None:
        """Free the weights."""


@dataclass(frozen=True)
class TimedReply:
    """One request as its client saw it; every time is in seconds on `units.clock`.

    ``token_times_s`` is one time for each token where the server tells tokens apart, else one for
    each event that brought text. ``failure`` says why there is no whole answer.
    """

    sent_s: float
    end_s: float
    token_times_s: tuple[float, ...] = ()
    output_tokens: int = 0
    failure: str | None = None


class CameBack(Protocol):
    """What came of a request; ``failure`` says why there is no answer, as far as is known."""

    failure: str | None


class LoadClient(Protocol):
    """Open connections to a server; many requests may be under way at once."""

    def prepare(self, prompt: Tokens, how: Sampling) -> Any:
        """Return a request that is ready to be sent, so that sending it takes no time."""

    async def ask(self, request: Any) -> CameBack:
        """Send it now and return what came of it; a failure is part of that and never raised."""

    def read(self, came: Any) -> TimedReply:
        """Return the times of what came; called when nobody waits, since reading takes time."""


@runtime_checkable
class MemoryProbe(Protocol):
    """What a backend offers beside the Backend port if it can tell where its memory goes."""

    def configuration(self) -> dict[str, Any]:
        """Return the model's ``config.json`` as it was loaded."""

    def element_bytes(self) -> int:
        """Return the bytes of one number of the cache."""

    def cache_growth(self, contexts: Sequence[int]) -> dict[int, Measurement]:
        """Return the bytes of the key/value cache after each of some context lengths, measured."""

    def baseline_bytes(self) -> Measurement:
        """Return what this process held with its libraries loaded, before any weights."""


@runtime_checkable
class DistributionSource(Protocol):
    """What a backend offers beside the Backend port if it can tell next-token distributions."""

    def vocabulary_hash(self) -> str:
        """Return a hash of every token and its number: models that share it share a vocabulary."""

    def next_token_logprobs(
        self, rows: Sequence[Tokens], positions: int
    ) -> Iterator[tuple[int, int, Any]]:
        """Yield the distribution after every token of every row, a slice of a row at a time.

        Yields:
            (number of the row, the slice's first position, natural-log probabilities as a float32
            numpy array of at most ``positions`` x vocabulary), in order of rows and positions.
        """


@runtime_checkable
class ItemSuite(Protocol):
    """What a suite offers beside the Suite port if a job may ask some of a task's items only."""

    def count_items(self, job: Job, backend: Backend, context: Context) -> int | None:
        """Return how many items a job has; None where they can't be asked in parts."""


@runtime_checkable
class LoadTarget(Protocol):
    """What a backend offers beside the Backend port if its model can be put under load."""

    def load_client(self) -> AbstractAsyncContextManager[LoadClient]:
        """Return a client for the event loop that enters it; leaving it ends its connections."""


@dataclass(frozen=True)
class TextItem:
    """One text to score; ``siblings`` are all continuations of the same prompt.

    ``contexts`` are the passages that the text was written from, best first.
    """

    output: str
    reference: str | None = None
    prompt: str | None = None
    siblings: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()


class Scorer(Protocol):
    """Gives texts a score; ``provenance`` is its id, version and weights hash.

    A scorer that reads no more than a model's positions may also have ``cut_count``: how many texts
    it was given so far whose end it did not read.
    """

    metric: str
    provenance: str
    higher_is_better: bool

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return one score for each item, or why there is none."""


@dataclass(frozen=True)
class SecondModel:
    """A loaded model that helps a suite; ``provenance`` is its name and the hash of its weights."""

    backend: Backend
    provenance: str


class Meter(Protocol):
    """An instrument with a window: ``open``, run the work, ``close``."""

    how: str

    def open(self) -> None:
        """Start the window."""

    def close(self) -> dict[str, Measurement]:
        """End the window and return its readings by name, each Measured or Absent."""


class Context(Protocol):
    """What a suite may use while it runs: the spec, scorers, meters, checkpoints, progress."""

    spec: RunSpec

    def checkpoint(self, key: str, compute: Callable[[], Any]) -> Any:
        """Return the journalled JSON value of ``key``, or compute and journal it."""

    def progress(self, done: int, total: int) -> None:
        """Tell the user how far the job is."""

    def scorer(self, name: str, **options: Any) -> Scorer | Absent:
        """Return a scorer of the catalogue, or why it can't be used here."""

    def second(self, role: str) -> SecondModel | Absent:
        """Return the request's ``judge``, ``detoxifier`` or ``reference``, or why there is none."""

    def meter(self, name: str, **options: Any) -> Meter | Absent:
        """Return a meter of the catalogue, or why it can't be used here."""

    def carbon_factor(self, country: str) -> tuple[float, str]:
        """Return gCO2e of a kilowatt-hour, and where the figure is from."""


class Suite(Protocol):
    """One question about a model."""

    name: str

    def run(self, job: Job, backend: Backend, context: Context) -> JobResult:
        """Ask the task's items and return metrics, samples and raw readings."""


class Observer(Protocol):
    """Who is told how a run goes; the command line draws its bars with it."""

    def run_started(self, model: str, jobs: int, resumed: bool) -> None:
        """Tell that a model's jobs begin."""

    def job_started(self, model: str, job_id: str) -> None:
        """Tell that a job begins."""

    def job_progress(self, model: str, job_id: str, done: int, total: int) -> None:
        """Tell how far a job is."""

    def job_ended(self, model: str, job: JobRecord) -> None:
        """Tell how a job ended."""


@runtime_checkable
class PlanObserver(Protocol):
    """What an observer offers beside the Observer port if it shows jobs before they begin."""

    def plan_known(self, plan: Plan) -> None:
        """Tell the jobs of every model, before the first of them begins."""

    def jobs_known(self, model: str, done: Sequence[JobRecord]) -> None:
        """Tell, after `run_started`, which jobs of a model an earlier attempt has done."""


@runtime_checkable
class Executor(Protocol):
    """Runs a plan and returns one record for each model."""

    def execute(self, plan: Plan) -> list[RunRecord]:
        """Run every job; a job that fails becomes a failed record and the others go on."""
