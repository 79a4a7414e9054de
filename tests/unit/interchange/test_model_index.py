"""The model-index of a model card, read back by the Hub's own parser."""

from __future__ import annotations

import pytest
import yaml
from exported_runs import METRICS, metric, run

from slmbench.errors import InputError
from slmbench.interchange.model_index import render_model_index
from slmbench.schema.base import Measured
from slmbench.schema.record import Origin

hub = pytest.importorskip("huggingface_hub", reason="its parser is the judge")
cards = pytest.importorskip("huggingface_hub.repocard_data")
HOSTILE = "a\u202eb' \"]}: {#\n---\n<script>"


def results(record):
    """Return (name, results) as the parser of a whole card's text reads them."""
    card = hub.ModelCard(f"---\n{render_model_index(record)}---\n# card\n")
    return card.data.model_name, card.data.eval_results


def test_the_hub_reads_every_measured_value() -> None:
    name, found = results(run())
    assert name == "mine"
    measured = {m.path: m.value for m in METRICS if isinstance(m.value, Measured)}
    assert {each.metric_name: each.metric_value for each in found} == {
        path: value.value for path, value in measured.items()
    }
    for each in found:
        value = measured[each.metric_name]
        assert each.metric_args["n"] == value.n and each.metric_args["how"] == value.how
        assert each.task_type == "text-generation" and each.verified is None
        assert ("low" in each.metric_args) == (value.interval is not None)


def test_the_hub_writes_the_same_document_again() -> None:
    document = yaml.safe_load(render_model_index(run()))["model-index"]
    assert cards.eval_results_to_model_index(*cards.model_index_to_eval_results(document)) == (
        document
    )


def test_what_is_absent_has_no_entry() -> None:
    assert "energy" not in render_model_index(run())
    with pytest.raises(InputError, match="no measured metric"):
        render_model_index(run(METRICS[4:5]))


def test_how_it_was_asked_and_where_it_was_measured_are_told() -> None:
    record = run()
    environment = record.environment.model_copy(update={"hardware": {"cpu": "Some CPU"}})
    spec = record.spec.model_copy(update={"num_fewshot": 5})
    changed = record.model_copy(update={"environment": environment, "spec": spec})
    _, found = results(changed)
    hosts = {each.metric_name: each.metric_args.get("hardware") for each in found}
    assert hosts["latency/chat/tpot_s@p95"] == "Some CPU" and hosts["accuracy/arc/acc"] is None
    assert all(each.dataset_args == {"num_few_shot": 5} for each in found)


@pytest.mark.parametrize(
    ("citation", "address"),
    [
        (None, None),
        ("a paper of 2024", None),
        ("A paper (https://example.org/p1).", "https://example.org/p1"),
    ],
)
def test_a_source_needs_an_address(citation: str | None, address: str | None) -> None:
    origin = Origin(tool="lm-eval 0.4.3", form="lm-eval", citation=citation)
    _, found = results(run().model_copy(update={"origin": origin}))
    assert {each.source_url for each in found} == {address}
    assert {each.source_name for each in found} == {"lm-eval 0.4.3" if address else None}


def test_hostile_names_stay_names() -> None:
    text = render_model_index(run([metric("a/b/m", 0.5, how=HOSTILE)], name=HOSTILE))
    assert "\u202e" not in text
    name, found = results(run([metric("a/b/m", 0.5, how=HOSTILE)], name=HOSTILE))
    assert name == HOSTILE and found[0].metric_args["how"] == HOSTILE


def test_readable_letters_are_written_as_they_are() -> None:
    assert "模型" in render_model_index(run(name="模型"))
