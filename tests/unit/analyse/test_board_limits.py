"""What a board says of runs that were cut short, and of settings that are no machines."""

from __future__ import annotations

from slmbench.analyse.board import board
from slmbench.schema.record import Origin, RunRecord
from tests.unit.render.board_records import accuracy, job, measured, record


def test_runs_of_before_their_limit_was_kept_are_marked_too() -> None:
    """Then only the request had it; a job that asked as many items as it leaves was cut short."""

    def asked(name: str, count: int, limit: float | None, **fields: object) -> RunRecord:
        made = record(name, [accuracy("arc", 0.4, sample_count=count, **fields)])
        spec = made.spec.model_copy(update={"limit": limit})
        return made.model_copy(update={"spec": spec})

    def badges(*runs: RunRecord) -> dict[str, list[str]]:
        rows = board(runs).rows
        return {r.label: [mark.badge for mark in r.cells[0].marks] for r in rows}

    old, new, whole = (
        asked("old", 20, 20),
        asked("new", 20, 20, limit_items=20),
        asked("all", 60, None),
    )
    assert badges(old, new) == {"old": [], "new": []}
    assert badges(old, new, whole) == {
        "old": ["20 items"], "new": ["20 items"], "all": ["all items"]
    }  # fmt: skip
    small = asked("small", 12, 20)
    assert badges(small, whole) == {"small": [], "all": []}
    (limited,) = board([old]).rows
    assert limited.cells[1].notes == ("limited to 20 items",)


def test_settings_of_one_machine_are_not_called_machines() -> None:
    def served(name: str, gpu: str, batch: int) -> RunRecord:
        tpot = job("latency", "chat", {"tpot_s": measured(0.02, 0.001, "s")})
        made = record(name, [tpot], hardware=f"{gpu} {batch}")
        hardware = {"gpu": f"{gpu}, batch {batch}", "gpu_model": gpu, "max_batch_size": str(batch)}
        host = made.environment.model_copy(update={"hardware": hardware})
        origin = Origin(tool="ML.ENERGY v2", form="ml-energy")
        return made.model_copy(update={"environment": host, "origin": origin})

    one, two = served("a", "A100", 8), served("b", "A100", 64)
    notes = board([one, two]).notes
    assert any("2 different settings of one machine" in note for note in notes)
    assert not any("different machines" in note for note in notes)
    notes = board([one, two, served("c", "H100", 8)]).notes
    assert any("2 different machines in 3 different settings" in note for note in notes)
