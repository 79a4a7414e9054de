"""Hold the table of names to what it promises: every entry is there, plug-ins too."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from slmbench import catalog
from slmbench.errors import InputError

ENTRIES = [(kind, name) for kind, table in catalog.KINDS.items() for name in table]


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_is_there(kind: str, name: str) -> None:
    entry = catalog.KINDS[kind][name]
    module, colon, attribute = entry.target.partition(":")
    assert colon and module.startswith(f"slmbench.{kind}.") and entry.about.strip()
    assert isinstance(getattr(importlib.import_module(module), attribute), type)
    assert catalog.load(kind, name).__name__ == attribute


@pytest.mark.parametrize("name", sorted(catalog.SUITES))
def test_a_suite_knows_its_own_name(name: str) -> None:
    assert catalog.load("suites", name).name == name


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [("backends", "fak", "fake"), ("suites", "latncy", "latency"), ("scorers", "chfr", "chrf"),
     ("meters", "memroy", "memory")],
)  # fmt: skip
def test_an_unknown_name_has_a_suggestion(kind: str, wrong: str, right: str) -> None:
    with pytest.raises(InputError) as caught:
        catalog.load(kind, wrong)
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert f"No {kind[:-1]} '{wrong}'" in text and f"Did you mean '{right}'?" in text


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a distribution by hand: a module and the entry points that name it."""
    (tmp_path / "outsider_plugin.py").write_text(
        "class Shout:\n    metric = 'shout'\n    provenance = 'shout@1'\n"
        "    higher_is_better = True\n"
        "    def score(self, items):\n        return [1.0 for _ in items]\n"
    )
    info = tmp_path / "outsider-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[slmbench.scorers]\nshout = outsider_plugin:Shout\nchrf = outsider_plugin:Shout\n"
        "broken = outsider_plugin_that_is_not_there:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_plug_in_is_found_by_its_entry_point(plugin: Path) -> None:
    assert catalog.names("scorers")["shout"].about == "plug-in outsider"
    assert catalog.load("scorers", "shout")().score([1, 2]) == [1.0, 1.0]


def test_a_plug_in_cannot_replace_our_own(plugin: Path) -> None:
    assert catalog.load("scorers", "chrf").__module__ == "slmbench.scorers.chrf"


def test_a_plug_in_that_is_not_installed_names_what_is_missing(plugin: Path) -> None:
    with pytest.raises(InputError, match="outsider_plugin_that_is_not_there"):
        catalog.load("scorers", "broken")


def test_a_plug_in_goes_when_it_is_removed() -> None:
    assert "shout" not in catalog.names("scorers")
