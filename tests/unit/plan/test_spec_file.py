"""A spec says what is wrong by its key; flags go over the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slmbench.errors import InputError
from slmbench.plan.spec_file import load_spec, make_spec, preset_names

BACKENDS = ("hf", "fake")
WHOLE = "models: ['fake:a']\nsuites: [latency]\n"


def load(text: str, folder: Path, **flags: Any) -> Any:
    path = folder / "mine.yaml"
    path.write_text(text)
    return load_spec(str(path), flags, BACKENDS)


def test_a_spec_is_read(tmp_path: Path) -> None:
    spec = load(WHOLE + "limit: 0.1\nenergy: {country: FRA}\n", tmp_path)
    assert spec.name == "mine" and spec.models[0].backend == "fake"
    assert spec.suites == ("latency",) and spec.limit == 0.1 and spec.energy.country == "FRA"


def test_flags_go_over_the_file(tmp_path: Path) -> None:
    spec = load(WHOLE + "seed: 1\nlimit: 3\n", tmp_path, seed=2, models=["fake:b", "ref:pico"])
    assert spec.seed == 2 and spec.limit == 3
    assert [model.label for model in spec.models] == ["b", "pico"]


def test_a_model_may_be_a_mapping(tmp_path: Path) -> None:
    spec = load("models: [{backend: fake, target: a, name: b}]\n", tmp_path)
    assert spec.models[0].label == "b"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (WHOLE + "sead: 1\n", r"mine\.yaml.*unknown key 'sead'\. Did you mean 'seed'\?"),
        (WHOLE + "scorers: {toxicty: auto}\n", r"'scorers\.toxicty'\. Did you mean 'toxicity'\?"),
        (WHOLE + "energy: {contry: FRA}\n", r"'energy\.contry'\. Did you mean 'country'\?"),
        ("models: [{backend: fake, traget: a}]\n", r"traget'\. Did you mean 'target'\?"),
        ("models: ['fake:a']\nsuites: [latncy]\n", r"unknown suite 'latncy'\. Did you mean"),
        ("models: ['fake:a']\nsuites: []\n", "'suites'"),
        ("models: ['fake:a']\nsuites: [memory, memory]\n", "each of them once"),
        ("models: ['fak:a']\n", "unknown backend 'fak'"),
        ("models: ['fake:a', 'fake:a']\n", "both named 'a'.*name="),
        ("models: []\n", "'models'"),
        ("suites: [latency]\n", "'models'"),
        (WHOLE + "limit: 0\n", "'limit'"),
        (WHOLE + "limit: 1.5\n", "must be whole"),
        (WHOLE + "limit: .nan\n", "'limit'"),
        (WHOLE + "time_limit_s: .inf\n", "'time_limit_s'"),
        ("- a\n", "must hold a mapping"),
        ("a: [\n", "is not YAML"),
        ("models: !!python/object/apply:os.getcwd []\n", "is not YAML"),
        ("", "must hold a mapping"),
    ],
)
def test_a_slip_is_told(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        load(text, tmp_path)


def test_a_missing_file_and_an_unknown_preset_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No file"):
        load_spec(str(tmp_path / "none.yaml"), {}, BACKENDS)
    with pytest.raises(InputError, match=r"'smok'\. Did you mean 'smoke'\? Presets: "):
        load_spec("smok", {}, BACKENDS)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_without_network_or_environment(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a spec is read without a network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("os.environ", {})
    spec = load_spec(name, {}, BACKENDS)
    assert spec.name == name and spec.description and spec.models


def test_the_cache_is_used_unless_a_file_or_a_flag_says_no(tmp_path: Path) -> None:
    assert load("models: ['fake:a']\n", tmp_path).cache is True
    assert load("models: ['fake:a']\ncache: false\n", tmp_path).cache is False
    flags = {"models": ["fake:a"], "cache": False}
    assert make_spec(flags, BACKENDS, "the command line").cache is False


def test_the_command_line_alone_makes_a_spec() -> None:
    spec = make_spec({"models": ["fake:a"], "limit": 2}, BACKENDS, "the command line")
    assert spec.suites == ("accuracy",) and spec.limit == 2


def test_a_flag_of_a_section_changes_its_own_key_only(tmp_path: Path) -> None:
    text = WHOLE + "energy: {country: FRA, windows: 4}\nlabels: {commit: a1}\n"
    spec = load(text, tmp_path, energy={"country": "DEU"}, labels={"branch": "main"})
    assert (spec.energy.country, spec.energy.windows) == ("DEU", 4)
    assert spec.labels == {"commit": "a1", "branch": "main"}
    bare = load(WHOLE + "energy:\n", tmp_path, energy={"windows": 3})
    assert bare.energy.windows == 3
    with pytest.raises(InputError, match="energy"):
        load(WHOLE + "energy: [country]\n", tmp_path, energy={"windows": 3})
