"""A request rebuilt from a record: parsed back, command line and spec file give an equal spec."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmbench import catalog, pipeline
from slmbench.analyse.run_command import reproduction
from slmbench.cli import run as run_command
from slmbench.plan.spec_file import load_spec, preset_names
from slmbench.schema.energy_spec import EnergySpec
from slmbench.schema.load_spec import LoadSpec
from slmbench.schema.model_spec import ModelSpec, ServerSpec
from slmbench.schema.spec import SUITES, MemorySpec, RunSpec, ScorerSpec

BACKENDS = tuple(catalog.names("backends"))
PICO = ModelSpec(target="ref:pico", name="pico", dtype="float32", threads=1)


class Parsed(Exception):
    """Ends the command once it has read its request."""


def parsed(command: str, monkeypatch: pytest.MonkeyPatch) -> RunSpec:
    """Return what the command itself makes of a line, before it plans anything."""
    found: list[RunSpec] = []

    def planned(spec: RunSpec) -> None:
        found.append(spec)
        raise Parsed

    app = typer.Typer(add_completion=False)
    app.command()(run_command.command)
    program, verb, *words = shlex.split(command)
    assert (program, verb) == ("slmbench", "run")
    monkeypatch.setattr(pipeline, "plan", planned)
    with pytest.raises(Parsed):
        typer.main.get_command(app)([*words, "--dry-run"], standalone_mode=False)
    return found[0]


def from_yaml(text: str, folder: Path) -> RunSpec:
    path = folder / "again.yaml"
    path.write_text(text, encoding="utf-8")
    return load_spec(str(path), {}, BACKENDS)


def test_a_reference_model_is_said_in_a_word() -> None:
    spec = RunSpec(models=(PICO,), suites=("accuracy", "latency"), limit=20)
    again = reproduction(spec)
    assert again.command == "slmbench run --model ref:pico --suite accuracy,latency --limit 20"
    assert again.unsaid == ()


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_comes_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_spec(name, {"models": ["ref:nano"]}, BACKENDS)
    again = reproduction(spec)
    assert from_yaml(again.yaml, tmp_path) == spec
    assert again.command is not None and set(again.unsaid) <= {"name", "description"}
    plain = spec.model_copy(update={"name": "run", "description": ""})
    assert parsed(again.command, monkeypatch) == plain


FULL = RunSpec(
    models=(
        PICO,
        ModelSpec(target="owner/some-model", revision="main", dtype="bfloat16", batch_size=4,
                  trust_remote_code=False, add_bos_token=False, device="cuda:1"),
        ModelSpec(backend="gguf", target="/models/a b.gguf", gpu_layers=-1, kv_dtype="float16"),
        ModelSpec(backend="openai", target="http://127.0.0.1:8000/v1", max_length=2048,
                  server=ServerSpec(model="m", api="chat", key_env="SOME_KEY", timeout_s=2.5)),
        ModelSpec(target="ref:nano", name="nano", dtype="float32", threads=2),
    ),
    suites=("accuracy", "load", "energy"), tasks=("a", "b:c", "d e"), limit=0.25, num_fewshot=0,
    apply_chat_template=True, system_instruction="--debug 'quoted'\nand two lines",
    fewshot_as_multiturn=False, seed=-3, time_limit_s=90.5, include_path="/more tasks",
    cache=False, judge=PICO, detoxifier=ModelSpec(target="x"), reference=ModelSpec(target="y"),
    scorers=ScorerSpec(toxicity="profanity", nli="/n", bertscore_layer=3, also=("chrf", "ragas")),
    energy=EnergySpec(estimate=False, country="FRA", windows=3, usd_per_kwh=1e-05),
    memory=MemorySpec(device_profiles=("a.yaml", "b.yaml")),
    load=LoadSpec(mode="open", rates=(0.5, 1, 2.25), slo="ttft:200ms, tpot:50ms", requests=7),
    labels={"commit": "abc=1", "branch": "a b"},
)  # fmt: skip


def test_all_that_flags_can_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = reproduction(FULL)
    assert again.unsaid == () and again.command is not None
    assert parsed(again.command, monkeypatch) == FULL
    assert from_yaml(again.yaml, tmp_path) == FULL


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"models": (ModelSpec(target="a,b"),)}, "models"),
        ({"models": (ModelSpec(target="x", name=" spaced "),)}, "models"),
        ({"models": (ModelSpec(target="ref:pico", name="a\u202eb"),)}, "models"),
        ({"tasks": ("a,b",)}, "tasks"),
        ({"system_instruction": ""}, "system_instruction"),
        ({"system_instruction": "bell \x07"}, "system_instruction"),
        ({"labels": {"also": "x"}}, "labels.also"),
        ({"labels": {"who": " me"}}, "labels.who"),
        ({"scorers": ScorerSpec(embedding="")}, "scorers.embedding"),
        ({"load": LoadSpec(mode="open", rates=(1.0,), concurrencies=())}, "load.concurrencies"),
    ],
)
def test_what_flags_can_not_say_is_named_and_in_the_file(
    change: dict, key: str, tmp_path: Path
) -> None:
    spec = RunSpec(**{"models": (PICO,), **change})
    again = reproduction(spec)
    assert again.command is None and again.unsaid == (key,)
    assert from_yaml(again.yaml, tmp_path) == spec


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
MODELS = st.builds(
    ModelSpec, target=TEXT.filter(bool), name=st.none() | TEXT.filter(bool),
    dtype=st.sampled_from(("auto", "float32", "bfloat16")),
    threads=st.none() | st.integers(1, 64), max_length=st.none() | st.integers(2, 10**6),
    trust_remote_code=st.booleans(),
)  # fmt: skip
SPECS = st.builds(
    RunSpec, models=st.tuples(MODELS), suites=st.lists(
        st.sampled_from(SUITES), min_size=1, max_size=3, unique=True).map(tuple),
    tasks=st.lists(TEXT, max_size=2).map(tuple), system_instruction=st.none() | TEXT,
    limit=st.none() | st.integers(1, 10**9).map(float) | st.floats(1e-6, 0.999),
    seed=st.integers(-(10**9), 10**9), time_limit_s=st.floats(1e-3, 1e9),
    include_path=st.none() | TEXT,
    scorers=st.builds(ScorerSpec, nli=st.none() | TEXT, also=st.lists(TEXT, max_size=2).map(tuple)),
)  # fmt: skip


@given(spec=SPECS)
@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
def test_any_request_comes_back(
    spec: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = reproduction(spec)
    assert from_yaml(again.yaml, tmp_path) == spec
    assert (again.command is None) == bool(again.unsaid)
    if again.command is not None:
        assert parsed(again.command, monkeypatch) == spec
