"""Scores read as columns are those of the samples, and a damaged row is never read as one."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmbench.analyse.data import items_of
from slmbench.schema.record import Sample
from slmbench.store.columns import score_columns
from slmbench.store.tables import samples_to_table

NAMES = st.sampled_from(["acc", "acc_norm", "tr\u00e8s bien", ""])
SAMPLES = st.lists(
    st.builds(
        Sample,
        sample_id=st.text(st.characters(codec="utf-8"), max_size=4),
        content_hash=st.text("ab", max_size=3),
        cluster=st.none() | st.sampled_from(["a", "b"]),
        scores=st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False)),
    ),
    max_size=12,
    unique_by=lambda sample: sample.sample_id,
)


def two_samples(**second):
    return [
        Sample(sample_id="1", content_hash="a", scores={"acc": 1.0}),
        Sample.model_construct(**{"sample_id": "2", "content_hash": "b", "scores": {}, **second}),
    ]


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(0, 3))
def test_columns_hold_what_the_samples_hold(samples, skipped):
    table = samples_to_table(samples)
    # Two chunks, and a slice of the first: offsets that don't begin at 0.
    found = score_columns(pa.concat_tables([table.slice(skipped), table.slice(0, skipped)]))
    wanted = [*samples[skipped:], *samples[:skipped]]
    assert found is not None
    assert found.ids == tuple(each.sample_id for each in wanted)
    assert found.hashes == tuple(each.content_hash for each in wanted)
    expected = items_of(wanted)
    assert found.clusters == expected.clusters
    assert found.scores.keys() == expected.columns.keys()
    for name, column in expected.columns.items():
        assert np.array_equal(found.scores[name], column, equal_nan=True)


@pytest.mark.parametrize("score", [math.nan, math.inf, None])
def test_a_score_that_is_no_number_is_not_taken(score):
    table = samples_to_table(two_samples())
    scores = pa.array([[("acc", 1.0)], [("acc", score)]], pa.map_(pa.string(), pa.float64()))
    place = table.column_names.index("scores")
    assert score_columns(table.set_column(place, "scores", scores)) is None


def test_an_id_that_stands_twice_or_is_lacking_is_not_taken():
    assert score_columns(samples_to_table(two_samples(sample_id="1"))) is None
    table = samples_to_table(two_samples())
    place = table.column_names.index("sample_id")
    lacking = table.set_column(place, "sample_id", pa.array(["1", None]))
    assert score_columns(lacking) is None
    assert score_columns(table.drop_columns(["content_hash"])) is None
    as_numbers = table.set_column(place, "sample_id", pa.array([1, 2]))
    assert score_columns(as_numbers) is None
