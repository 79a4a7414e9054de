"""What a board says of runs that other tools made: marks, rows, joins, what it keeps apart."""

from __future__ import annotations

from slmbench.analyse.board import assemble, board
from slmbench.schema.base import Interval, Measured
from slmbench.schema.board import Board, Cell, Row
from slmbench.schema.record import Aggregation, JobRecord, Metric, Origin, RunRecord, Sample
from tests.unit.render.board_records import accuracy, job, measured, record

ARC = "accuracy/arc/acc_norm"


def from_elsewhere(
    name: str,
    jobs: list[JobRecord],
    tool: str = "lm-eval 0.4.3",
    citation: str | None = None,
    hardware: str | None = None,
    run_id: str = "",
    shots: int | None = None,
) -> RunRecord:
    made = record(name, jobs, run_id=run_id or f"{name}-{tool}", hardware=hardware or "")
    empty = made.model.fingerprint.model_copy(
        update=dict.fromkeys(("weights", "tokenizer", "dtype", "quantization"), "")
    )
    host = made.environment.model_copy(
        update={} if hardware else {"hardware": {}, "hardware_hash": "nothing told"}
    )
    form = tool.split()[0]
    return made.model_copy(
        update={
            "model": made.model.model_copy(update={"fingerprint": empty}),
            "environment": host,
            "origin": Origin(tool=tool, form=form, citation=citation),
            "spec": made.spec.model_copy(update={"num_fewshot": shots}),
        }
    )


def imported(value: float, how: str = "imported: lm-eval 0.4.3") -> JobRecord:
    return job("accuracy", "arc", {"acc_norm": measured(value, 0.02, how=how)})


def published(value: float, half: float | None = None) -> JobRecord:
    return job("accuracy", "arc", {"acc_norm": measured(value, half, how="published")})


def row(made: Board, label: str) -> Row:
    return next(each for each in made.rows if each.label == label)


def cell(made: Board, label: str, column_id: str = ARC) -> Cell:
    at = [column.column_id for column in made.columns].index(column_id)
    return row(made, label).cells[at]


def marks(found: Cell) -> dict[str, str]:
    return {mark.kind: mark.badge for mark in found.marks}


def test_imported_and_published_numbers_have_marks_of_their_own() -> None:
    made = board(
        [
            from_elsewhere("a", [imported(0.5)]),
            from_elsewhere("b", [published(0.6)], tool="a board", citation="arXiv 1"),
            record("c", [accuracy("arc", 0.4)]),
        ]
    )
    assert marks(cell(made, "a"))["imported"] == "imp."
    assert marks(cell(made, "b"))["published"] == "pub."
    assert not {"imported", "published"} & marks(cell(made, "c")).keys()
    assert [row(made, each).origins for each in "abc"] == [("lm-eval 0.4.3",), ("arXiv 1",), ()]
    meaning = next(m.meaning for m in cell(made, "b").marks if m.kind == "published")
    assert "arXiv 1" in meaning


def test_one_model_from_two_origins_is_two_rows_that_say_which_is_which() -> None:
    runs = [
        record("a", [accuracy("arc", 0.4)]),
        from_elsewhere("a", [imported(0.5)]),
        from_elsewhere("a", [published(0.6)], tool="a board", citation="arXiv 1"),
    ]
    labels = {each.label for each in board(runs).rows}
    assert labels == {"a (own run)", "a (lm-eval 0.4.3)", "a (arXiv 1)"}


def test_numbers_of_two_origins_are_not_ranked_together() -> None:
    made = board(
        [
            record("a", [accuracy("arc", 0.3)]),
            record("b", [accuracy("arc", 0.4)]),
            from_elsewhere("c", [imported(0.9)]),
        ]
    )
    assert [cell(made, each).rank for each in "abc"] == [None, "best", None]


def test_a_figure_without_its_error_wins_nothing() -> None:
    made = board(
        [
            from_elsewhere(name, [published(value)], tool="a board", citation="arXiv 1")
            for name, value in (("a", 0.6), ("b", 0.5))
        ]
    )
    assert [cell(made, each).rank for each in "ab"] == [None, None]


def test_other_numbers_of_examples_are_marked_and_not_averaged() -> None:
    made = board(
        [
            from_elsewhere("a", [imported(0.5)], shots=25),
            from_elsewhere("b", [imported(0.6)], shots=0),
        ]
    )
    assert [marks(cell(made, each))["protocol"] for each in "ab"] == ["25-shot", "0-shot"]
    assert not any(column.derived for column in made.columns)


def test_a_joined_row_takes_its_own_numbers_first_and_tells_the_others() -> None:
    runs = [
        record("a", [accuracy("arc", 0.4)]),
        from_elsewhere("org/a", [imported(0.5), job("accuracy", "x", {"acc": measured(0.7)})]),
        from_elsewhere("A", [published(0.6)], tool="a board", citation="arXiv 1"),
    ]
    made = board(runs, join=True)
    assert [each.label for each in made.rows] == ["a"]
    found = cell(made, "a")
    assert isinstance(found.value, Measured) and found.value.value == 0.4
    assert found.origin == ""
    assert found.notes == ("lm-eval 0.4.3 has 0.5", "arXiv 1 has 0.6")
    other = cell(made, "a", "accuracy/x/acc")
    assert other.origin == "lm-eval 0.4.3" and marks(other)["imported"] == "imp."
    assert made.rows[0].origins == ("slmbench", "lm-eval 0.4.3", "arXiv 1")


def test_a_bare_name_that_could_be_two_models_joins_neither() -> None:
    runs = [
        record("a", [accuracy("arc", 0.4)]),
        from_elsewhere("one/a", [imported(0.5)]),
        from_elsewhere("two/a", [imported(0.6)], run_id="other"),
    ]
    assert len(board(runs, join=True).rows) == 3


def test_a_run_joins_every_machine_of_its_model_where_it_tells_none() -> None:
    def tpot(value: float) -> JobRecord:
        return job("latency", "chat", {"tpot_s": measured(value, 0.001, "s")})

    runs = [
        record("a", [tpot(0.02)], run_id="one"),
        record("a", [tpot(0.05)], hardware="Raspberry Pi 5", run_id="two"),
        from_elsewhere("a", [imported(0.5)]),
    ]
    made = board(runs, join=True)
    assert len(made.rows) == 2 and len({each.host for each in made.rows}) == 2
    assert all(isinstance(cell(made, each.label).value, Measured) for each in made.rows)


def test_what_is_known_to_differ_is_not_joined() -> None:
    other = from_elsewhere("a", [imported(0.5)])
    marked = other.model.fingerprint.model_copy(update={"quantization": "q4_0"})
    four_bit = other.model_copy(
        update={"model": other.model.model_copy(update={"fingerprint": marked})}
    )
    assert len(board([record("a", [accuracy("arc", 0.4)]), four_bit], join=True).rows) == 2


def test_an_older_run_fills_a_joined_row() -> None:
    old = record("a", [accuracy("arc", 0.3)], created="2026-01-01T00:00:00Z")
    new = record("a", [accuracy("piqa", 0.4)], created="2026-02-01T00:00:00Z")
    made = board([old, new], join=True)
    assert isinstance(cell(made, "a").value, Measured)
    assert ARC not in [column.column_id for column in board([old, new]).columns]


def test_the_notes_say_why_origins_cannot_be_compared() -> None:
    notes = board(
        [record("a", [accuracy("arc", 0.4)]), from_elsewhere("b", [imported(0.5)], shots=25)]
    ).notes
    assert any("2 origins" in note and "lm-eval 0.4.3" in note for note in notes)
    reasons = [note for note in notes if note.startswith("Can't be compared")]
    assert any("examples" in each and "25-shot" in each for each in reasons)
    assert any("version is not told by" in each for each in reasons)
    assert all(ARC in each for each in reasons)


def test_two_unknown_machines_are_not_one() -> None:
    def tpot(value: float) -> JobRecord:
        return job("latency", "chat", {"tpot_s": measured(value, 0.001, "s")})

    made = board(
        [
            from_elsewhere("a", [tpot(0.05)], tool="guidellm 0.3"),
            from_elsewhere("b", [tpot(0.01)], tool="guidellm 0.3"),
        ]
    )
    assert [cell(made, each, "latency/chat/tpot_s").rank for each in "ab"] == [None, None]
    assert {each.hardware for each in made.rows} == {"hardware not recorded"}


def sized(name: str, score: float, size: float, half: float | None = 0.02) -> RunRecord:
    weights = job("memory", "chat", {"weight_bytes": measured(size, None, "bytes")})
    return record(name, [accuracy("arc", score, half), weights])


def test_points_have_the_probability_of_the_front() -> None:
    made = board(
        [
            sized("small", 0.40, 1e9),
            sized("even", 0.50, 2e9),
            sized("twin", 0.50, 2e9),
            sized("poor", 0.30, 3e9),
            sized("unsure", 0.45, 1.5e9, None),
        ]
    )
    (picture,) = made.pictures
    found = {point.label: point.front_probability for point in picture.points}
    assert found["unsure"] is None
    assert found["small"] == 1.0 and found["poor"] == 0.0
    # Two even models of one size: each is ahead in half of the worlds.
    even, twin = found["even"], found["twin"]
    assert even is not None and twin is not None
    assert abs(even - 0.5) < 0.08 and abs(even + twin - 1.0) < 0.01
    assert "draws from each value's interval" in picture.front_how


def test_samples_are_drawn_together_where_a_board_has_them() -> None:
    """B answers one item more than A, and every item that A does: it never falls behind."""
    right = {"a": 60, "b": 61}

    def samples(run_id: str, job_id: str) -> list[Sample]:
        assert job_id == "accuracy.arc"
        count = right[run_id]
        return [
            Sample(sample_id=str(i), content_hash=str(i), scores={"acc": float(i < count)})
            for i in range(100)
        ]

    def run(name: str) -> RunRecord:
        share = right[name] / 100
        value = Measured(
            value=share, unit="", n=100, how="x",
            interval=Interval(low=share - 0.1, high=share + 0.1, method="wilson"),
        )  # fmt: skip
        metric = Metric(
            suite="accuracy", task="arc", metric="acc", value=value, higher_is_better=True,
            aggregation=Aggregation(kind="mean", score="acc"),
        )  # fmt: skip
        held = JobRecord(
            job_id="accuracy.arc",
            suite="accuracy",
            task="arc",
            status="done",
            sample_count=100,
            metrics=(metric,),
        )
        weights = job("memory", "chat", {"weight_bytes": measured(1e9, None, "bytes")})
        return record(name, [held, weights], run_id=name)

    runs = [run("a"), run("b")]
    alone = {p.label: p.front_probability for p in board(runs).pictures[0].points}
    (picture,) = board(runs, samples=samples).pictures
    together = {point.label: point.front_probability for point in picture.points}
    assert alone["a"] is not None and 0.3 < alone["a"] < 0.5
    assert together["b"] == 1.0
    # A is level with B only where the one item that tells them apart was not drawn: 1 / e.
    assert together["a"] is not None and abs(together["a"] - 0.366) < 0.05
    assert "bootstrap over samples" in picture.front_how


def test_a_board_of_many_runs_searches_none_of_them_again() -> None:
    """Each run's metrics are looked through once, however many columns there are."""
    runs = [record(f"m{i}", [accuracy(f"t{j}", 0.4) for j in range(30)]) for i in range(60)]
    made = assemble(runs)
    assert len(made.board.rows) == 60 and len(made.readings) == len(made.board.columns) == 31
    assert made.readings[made.parts[0]][0].record is not None
