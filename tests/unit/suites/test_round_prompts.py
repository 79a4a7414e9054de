"""No round asks what another one asked, so a prefix cache makes no first token look cheap."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.backends.fake import Fake
from slmbench.backends.huggingface import HuggingFace
from slmbench.errors import InputError
from slmbench.execute.turns import Turns
from slmbench.ports import Generation, Sampling, Tokens
from slmbench.resources import reference_dir, tasks_dir
from slmbench.schema.base import Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.suites.energy.suite import Energy
from slmbench.suites.latency import Latency
from slmbench.suites.workload_file import Workload, load_workload
from slmbench.suites.workloads import RoundPrompts, prompts_of
from tests.contract.memory_context import MemoryContext

STORIES = Path(__file__).resolve().parents[3] / ".." / "shared" / "models" / "stories260K"
#: Random letters: no eight of them come twice.
TEXT = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=20_000))


class Keeping(Fake):
    """Keeps the prompts it has read: its first token comes at once where it knows one."""

    def __init__(self, *, is_remote: bool = False) -> None:
        super().__init__(ModelSpec(backend="fake", target="x"), "x")
        self.info = replace(self.info, is_remote=is_remote)
        self.asked: list[tuple[int, ...]] = []

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        rows = []
        for prompt, (text,) in zip(prompts, super().generate(prompts, how, k), strict=True):
            first = 0.001 if tuple(prompt) in self.asked else 0.1
            times = tuple(first + 0.01 * number for number in range(len(text.tokens)))
            rows.append([replace(text, token_times_s=times)])
            self.asked.append(tuple(prompt))
        return rows


def workload(**numbers: int) -> Workload:
    given = {"prompt_tokens": 8, "output_tokens": 3, "batch_size": 2, **numbers}
    return Workload(workload="mine", version=1, text="text.txt", **given)


def job(folder: Path, suite: str, text: str = TEXT, repeats: int = 12) -> Job:
    (folder / "text.txt").write_text(text)
    path = folder / "mine.yaml"
    path.write_text(
        "workload: mine\nversion: 1\ntext: text.txt\nprompt_tokens: 8\noutput_tokens: 3\n"
        f"batch_size: 2\nwarmup: 1\nrepeats: {repeats}\n"
    )
    task = TaskRef(name="mine", kind="workload", path=str(path))
    return Job(job_id=f"{suite}/mine", suite=suite, task=task)


@settings(deadline=None, max_examples=40)
@given(
    length=st.integers(24, 300), size=st.integers(1, 12), batch=st.integers(1, 2),
    mark=st.text(max_size=5),
)  # fmt: skip
def test_prompts_are_exactly_as_long_as_asked_and_known_by_their_mark(
    length: int, size: int, batch: int, mark: str
) -> None:
    asked = workload(prompt_tokens=size, batch_size=batch)
    text = bytes(33 + number % 90 for number in range(length)).decode()
    backend = Keeping()
    made = RoundPrompts(asked, text, backend, mark)
    rounds = [made.of_round(number) for number in range(20)]
    assert all(len(each) == batch for each in rounds)
    assert all(len(prompt) == size for each in rounds for prompt in each)
    again = RoundPrompts(asked, text, backend, mark)
    assert rounds == [again.of_round(number) for number in range(20)]
    tokens = backend.encode(text)
    assert made.first == prompts_of(asked, text, backend)
    assert [token for prompt in made.first for token in prompt] == tokens[: size * batch]


def test_another_run_shares_no_beginning_with_this_one() -> None:
    """A cache in blocks of a few tokens knows none of them."""
    backend = Keeping()
    runs = [RoundPrompts(workload(), TEXT, backend) for _ in range(3)]
    starts = [tuple(p[:4]) for run in runs for n in range(40) for p in run.of_round(n)]
    assert len(set(starts)) >= 0.99 * len(starts)


@pytest.mark.parametrize("model", ["ref:pico", "stories260K"])
def test_a_server_reads_as_many_tokens_in_the_text_of_a_prompt(model: str) -> None:
    folder = STORIES if model == "stories260K" else reference_dir() / "pico"
    if not folder.is_dir():
        pytest.skip("the shared models are not here")
    local = HuggingFace(ModelSpec(target=str(folder), dtype="float32"), str(folder))
    local.info = replace(local.info, is_remote=True)
    path = tasks_dir() / "workloads" / "chat.yaml"
    asked, text = load_workload(path, "chat")
    made = RoundPrompts(asked, text, local, "mark")
    for prompt in (made.of_round(number)[0] for number in range(50)):
        assert len(local.encode(local.decode(prompt))) == len(prompt) == 64
        assert prompt[: len(local.encode(""))] == local.encode("")


def test_a_text_that_is_too_short_is_named() -> None:
    with pytest.raises(InputError, match="has 10 tokens under this tokenizer, and 16 are needed"):
        RoundPrompts(workload(), "ten bytes.", Keeping())


def test_a_prefix_cache_makes_no_first_token_cheap(tmp_path: Path) -> None:
    backend = Keeping(is_remote=True)
    result = Latency().run(job(tmp_path, "latency"), backend, MemoryContext())
    found = {metric.metric: metric.value for metric in result.metrics}
    ttft = found["ttft_s"]
    assert isinstance(ttft, Measured) and ttft.value == pytest.approx(0.1)
    assert len(set(backend.asked)) == len(backend.asked) and result.notes == ()


def test_energy_is_of_prompts_that_were_not_read_before(tmp_path: Path) -> None:
    backend = Keeping()
    spec = {"window_s": 0.1, "windows": 2, "idle_s": 0.0}
    Energy().run(job(tmp_path, "energy", TEXT), backend, MemoryContext(energy=spec))
    rounds = [tuple(backend.asked[i : i + 2]) for i in range(0, len(backend.asked), 2)]
    assert len(rounds) >= 3
    assert len(set(rounds[:1000])) == len(rounds[:1000])


def test_models_in_turn_share_no_prompt(tmp_path: Path) -> None:
    """The baseline and its copy may be one server, and the second would be answered at once."""
    one, other = Keeping(), Keeping()
    asked = job(tmp_path, "latency")
    turns = [Turns(asked, backend, MemoryContext()) for backend in (one, other)]
    for _ in range(5):
        for each in turns:
            each.take()
    assert len(one.asked) == len(other.asked) == 12
    assert not set(one.asked) & set(other.asked)
    described = [each.described()["fingerprints"] for each in turns]
    assert described[0] == described[1]
