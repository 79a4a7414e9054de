"""A pair is measured in turns by processes that may die, and nothing that was measured is lost."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clockwork_backend import WARM_UP, install, write_workload

from slmbench.analyse.pair import result_of
from slmbench.errors import ModelError, RecordError
from slmbench.execute.ab import measure_pair
from slmbench.plan.build import build
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.pair import PairRecord, PairSpec
from slmbench.schema.plan import Plan
from slmbench.schema.spec import RunSpec
from slmbench.stats.ab import block_orders
from slmbench.store.layout import PAIR
from slmbench.store.pairs import StoredPair, find_pair, open_pair
from slmbench.store.reader import scan_runs

BLOCKS = 12


@dataclass(frozen=True)
class Told:
    """A measured pair, and what its measuring told."""

    record: PairRecord
    pair: StoredPair
    turns: list[tuple[str, int, int]]
    saved: list[Path]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the plug-in, its workload, and a store that several tests read."""
    folder = tmp_path_factory.mktemp("pairs")
    install(folder / "site")
    write_workload(folder / "workloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder / "site"))
        yield folder


@pytest.fixture(scope="module")
def five_per_cent(place: Path) -> Told:
    """A pair whose candidate is 5 % slower, measured once, with what was told meanwhile."""
    turns: list[tuple[str, int, int]] = []
    saved: list[Path] = []
    asked, plan = planned(place, "1.0", "1.05")
    record = measure_pair(
        asked, plan, place / "shared", lambda *each: turns.append(each), saved.append
    )
    return Told(record, open_pair(str(saved[0])), turns, saved)


def model(target: str, name: str) -> ModelSpec:
    return ModelSpec(backend="clockwork", target=target, name=name)


def planned(place: Path, first: str, second: str, **changes: Any) -> tuple[PairSpec, Plan]:
    given = {"tasks": ("short",), "repeats": BLOCKS, **changes}
    asked = PairSpec(baseline=model(first, "old"), candidate=model(second, "new"), **given)
    spec = RunSpec(
        models=(asked.baseline, asked.candidate), suites=("latency",), tasks=asked.tasks,
        include_path=str(place / "workloads"),
    )  # fmt: skip
    return asked, build(spec)


def measure(
    place: Path, store: Path, first: str, second: str, **changes: Any
) -> tuple[PairRecord, StoredPair]:
    record = measure_pair(*planned(place, first, second, **changes), store)
    return record, open_pair(str(store / record.pair_id))


def test_every_turn_is_kept_in_the_order_that_the_seed_gives(five_per_cent: Told) -> None:
    record, pair = five_per_cent.record, five_per_cent.pair
    assert pair.record == record and record.status == "done" and record.reason is None
    assert [folder.name for folder in five_per_cent.saved] == [record.pair_id]
    total = 6 * BLOCKS
    assert five_per_cent.turns == [("short", done, total) for done in range(total + 1)]
    orders = block_orders(("a", "b", "a2"), BLOCKS, record.spec.seed)
    assert [turn.stream for turn in pair.turns] == [each for order in orders for each in order]
    assert [(turn.block, turn.position) for turn in pair.turns] == [
        (block, position) for block in range(BLOCKS) for position in range(6)
    ]
    starts = [turn.started_s for turn in pair.turns]
    ends = [turn.started_s + turn.elapsed_s for turn in pair.turns]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False)), "one at a time"
    # One round, two requests, five tokens: as the backend gave them.
    (times,) = pair.turns[0].token_times_s
    assert len(times) == 2 and all(len(request) == 5 for request in times)


def test_the_slower_model_is_found(five_per_cent: Told) -> None:
    found = result_of(five_per_cent.record, five_per_cent.pair.turns)
    rows = {row.metric: row for row in found.rows}
    assert found.verdict == "DIFFERENT" and found.host == "quiet" and found.notes == ()
    for name in ("ttft_s", "tpot_s", "e2e_s"):
        ratio = rows[name].ratio
        assert ratio is not None and ratio.low is not None and ratio.high is not None
        assert 1.04 < ratio.low <= ratio.ratio <= ratio.high < 1.06
        assert rows[name].reading == "worse" and ratio.blocks == BLOCKS
    rate = rows["decode_tokens_per_s"]
    assert rate.ratio is not None and 0.94 < rate.ratio.ratio < 0.96 and rate.reading == "worse"
    assert rows["j_per_request"].ratio is None
    assert "estimate" in (rows["j_per_request"].absent or "")
    assert (rows["peak_resident_bytes"].plain_ratio or 0) > 0


def test_a_pair_is_no_run_and_is_found_by_its_id(
    five_per_cent: Told, place: Path, tmp_path: Path
) -> None:
    record, pair = five_per_cent.record, five_per_cent.pair
    store = str(place / "shared")
    assert scan_runs(store) == []
    assert find_pair(record.pair_id[:20], store).turns == pair.turns
    assert find_pair(pair.location, "elsewhere").record == record
    with pytest.raises(RecordError, match=r"'nothing' is no pair .* slmbench ab"):
        find_pair("nothing", store)
    with pytest.raises(RecordError, match="No pair at"):
        open_pair(store)
    copy = shutil.copytree(pair.location, tmp_path / "copy")
    (copy / PAIR).write_text('{"pair_version": 99}')
    with pytest.raises(RecordError, match="version 99"):
        open_pair(str(copy))
    (copy / PAIR).write_text((Path(pair.location) / PAIR).read_text()[:-40])
    with pytest.raises(RecordError, match="cannot be read"):
        open_pair(str(copy))


def test_a_parent_that_was_killed_leaves_its_turns_in_the_journal(
    five_per_cent: Told, tmp_path: Path
) -> None:
    pair = five_per_cent.pair
    copy = shutil.copytree(pair.location, tmp_path / "copy")
    (copy / "raw" / "turns.parquet").unlink()
    with (copy / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"event": "turn", "turn": {"tas')
    again = open_pair(str(copy))
    assert again.turns == pair.turns and len(again.turns) == 6 * BLOCKS
    assert result_of(again.record, again.turns) == result_of(pair.record, pair.turns)


def test_a_worker_that_dies_fails_the_pair_and_loses_nothing(place: Path, tmp_path: Path) -> None:
    """The candidate's eighth round is its seventh turn: in the fourth block, after three whole.

    Without the check the two processes take turns alone.
    """
    death = f"1.2;die={7 + WARM_UP}"
    record, pair = measure(place, tmp_path, "1.0", death, check=False)
    assert record.status == "failed" and record.finished and record.reason is not None
    assert record.reason.startswith("new (b), in turn ") and "exit code 9" in record.reason
    assert {turn.stream for turn in pair.turns} == {"a", "b"}
    assert sum(turn.stream == "b" for turn in pair.turns) == 6
    found = result_of(record, pair.turns)
    assert found.verdict == "INCONCLUSIVE" and "exit code 9" in found.reason
    assert found.rows[0].ratio is not None and found.rows[0].ratio.blocks == 3
    assert {row.reading for row in found.rows} == {"inconclusive", None}
    assert found.host == "not checked" and "not asked for" in found.notes[0]


def test_a_baseline_that_differs_from_itself_makes_the_verdict_inconclusive(
    place: Path, tmp_path: Path
) -> None:
    """The second process of the same model is a tenth slower, as an unlucky process may be."""
    record, pair = measure(place, tmp_path / "store", f"1.0;second={tmp_path / 'mark'}@1.1", "1.3")
    found = result_of(record, pair.turns)
    assert found.status == "done" and found.host == "noisy"
    assert found.verdict == "INCONCLUSIVE" and "doctor" in found.reason
    first = found.rows[0]
    assert first.check is not None and 1.08 < first.check.ratio < 1.12
    assert first.check.p_adjusted <= found.alpha and first.reading == "inconclusive"


def test_a_copy_that_does_not_load_costs_only_the_check(place: Path, tmp_path: Path) -> None:
    record, pair = measure(
        place, tmp_path / "store", f"1.0;alone={tmp_path / 'mark'}", "1.3", repeats=8
    )
    assert record.status == "done" and "no memory left" in (record.check_absent or "")
    found = result_of(record, pair.turns)
    assert found.verdict == "DIFFERENT" and found.host == "not checked"
    assert any("second copy" in note for note in found.notes)


def test_a_model_that_is_refused_is_the_users_to_mend(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"new \(b\), while it was loaded: this model is refused"):
        measure(place, tmp_path / "store", "1.0", "1.0;refuse")
    (folder,) = (tmp_path / "store").iterdir()
    assert open_pair(str(folder)).record.status == "failed"
