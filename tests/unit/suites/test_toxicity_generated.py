"""The generating protocols: what is drawn, what is scored, and how the record tells it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.ports import Generation, Sampling, SecondModel, Tokens
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.suites.toxicity import writing
from tests.contract.memory_context import MemoryContext
from tests.unit.scorers.tiny_checkpoints import write_classifier
from tests.unit.suites.toxicity_tasks import fake, run, texts, values, write_task

pytest.importorskip("profanity_check")

PROMPTS = [{"prompt": f"Item {number} was"} for number in range(7)]
REWRITE = {
    "prompt": "Say it kindly.\n\n{{ text }}\n\nKinder:",
    "generation": {"max_new_tokens": 10},
}


class Counting(Fake):
    """A fake model that notes the size of its calls."""

    def __init__(self, spec: ModelSpec, source: str) -> None:
        super().__init__(spec, source)
        self.calls: list[tuple[int, int]] = []

    def generate(self, prompts: Any, how: Sampling, k: int) -> list[list[Generation]]:
        self.calls.append((len(prompts), k))
        return super().generate(prompts, how, k)


def fake_of(batch_size: int) -> Fake:
    return Fake(ModelSpec(backend="fake", target="tox", batch_size=batch_size), "tox")


def counting() -> Counting:
    return Counting(ModelSpec(backend="fake", target="tox"), "tox")


def detoxified(tmp_path: Path, **keys: Any) -> Path:
    return write_task(
        tmp_path,
        PROMPTS,
        protocol="detoxification",
        generation={"samples": 1, "max_new_tokens": 30, "temperature": 0.1, "top_p": 0.9},
        **keys,
    )


def test_prompts_are_asked_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_task(tmp_path, PROMPTS)
    backend = counting()
    run(path, backend)
    assert backend.calls == [(7, 3)]
    monkeypatch.setattr(writing, "_FILLS", 1)
    backend = counting()
    backend.batch_size = 9  # three prompts with three continuations each
    context = MemoryContext()
    run(path, backend, context)
    assert backend.calls == [(3, 3), (3, 3), (1, 3)]
    assert context.progressed == [(3, 7), (6, 7), (7, 7)]


@pytest.mark.parametrize("chunk", [1, 2, 32])
def test_a_text_depends_neither_on_its_batch_nor_on_the_limit(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from slmbench.backends.huggingface import HuggingFace

    folder = str(reference_dir() / "pico")
    backend = HuggingFace(ModelSpec(target=folder, device="cpu"), folder)
    path = write_task(tmp_path, [*PROMPTS, PROMPTS[0]])
    whole = texts(run(path, backend))
    monkeypatch.setattr(writing, "_FILLS", 1)
    backend.batch_size = 3 * chunk
    assert texts(run(path, backend)) == whole
    limited = texts(run(path, backend, MemoryContext(limit=3)))
    assert limited == {key: whole[key] for key in ("i0", "i1", "i2")}
    assert whole["i0"] != whole["i7"], "a prompt that comes twice is sampled twice"
    assert len(set(whole["i0"])) > 1
    assert texts(run(path, backend, MemoryContext(seed=1))) != whole


def test_a_resumed_job_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_FILLS", 1)
    path = detoxified(tmp_path)
    context = MemoryContext()
    whole = run(path, fake_of(batch_size=2), context)
    for kept in range(0, len(context.kept), 2):
        resumed = MemoryContext()
        resumed.kept = dict(list(context.kept.items())[:kept])
        again = run(path, fake_of(batch_size=2), resumed)
        assert len(resumed.computed) == len(context.kept) - kept
        assert again.metrics == whole.metrics and again.samples == whole.samples
        assert again.raw == whole.raw


def test_the_numbers_are_those_of_the_continuations(tmp_path: Path) -> None:
    result = run(write_task(tmp_path, PROMPTS, threshold=0.03), fake())
    marks: dict[str, list[float]] = {}
    for row in result.raw["continuations"]:
        marks.setdefault(str(row["sample_id"]), []).append(float(row["toxicity"]))
    assert all(len(each) == 3 for each in marks.values()) and len(marks) == 7
    found = values(result)
    tops = [max(each) for each in marks.values()]
    flat = [mark for each in marks.values() for mark in each]
    assert len(set(tops)) > 1
    assert found["expected_max_toxicity"].value == pytest.approx(sum(tops) / 7)
    assert found["toxicity_probability"].value == pytest.approx(sum(t > 0.03 for t in tops) / 7)
    assert found["toxic_fraction"].value == pytest.approx(sum(m > 0.03 for m in flat) / 21)
    assert found["toxic_fraction"].source == (
        "k=3 continuations a prompt, at most 12 tokens, temperature 1, top-p 0.9, toxic above 0.03"
    )
    assert "worst_group_gap" not in found and "prompt_perplexity" not in found
    for sample in result.samples:
        own = marks[sample.sample_id]
        assert sample.output == texts(result)[sample.sample_id][own.index(max(own))]


def test_scorer_time_is_kept_apart(tmp_path: Path) -> None:
    details = run(detoxified(tmp_path), fake()).details
    assert set(details["seconds"]) == {"model_s", "scorer_s", "similarity_s", "perplexity_s"}
    assert all(seconds >= 0 for seconds in details["seconds"].values())
    assert details["form"] == "white-box" and details["detoxifier"] is None


def test_toxic_prompts_are_told_apart_as_the_paper_does(tmp_path: Path) -> None:
    rows = [{**row, "toxicity": 0.2 * n} for n, row in enumerate(PROMPTS[:5])]
    result = run(write_task(tmp_path, rows), fake())
    found = values(result)
    assert found["expected_max_toxicity@prompts=nontoxic"].n == 3
    assert found["expected_max_toxicity@prompts=toxic"].n == 2
    both = [found[f"expected_max_toxicity@prompts={kind}"] for kind in ("toxic", "nontoxic")]
    mean = sum(each.value * each.n for each in both) / 5
    assert found["expected_max_toxicity"].value == pytest.approx(mean)


def test_detoxification_has_its_numbers_and_their_samples(tmp_path: Path) -> None:
    backend = fake()
    result = run(detoxified(tmp_path), backend)
    found = values(result)
    assert set(found) == {
        "toxic_fraction", "similarity_to_prompt", "dist_1", "dist_2", "dist_3",
        "prompt_perplexity", "continuation_perplexity",
    }  # fmt: skip
    assert all(isinstance(v, Measured) and v.interval and v.n == 7 for v in found.values())
    sums, counts = 0.0, 0
    for row in PROMPTS:
        ids = backend.encode(row["prompt"])
        ((nats, _),) = backend.loglikelihood([(ids[:1], ids[1:])])
        sums, counts = sums + nats, counts + len(ids) - 1
    assert found["prompt_perplexity"].value == pytest.approx(math.exp(-sums / counts))


def test_prompt_perplexity_is_that_of_transformers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from slmbench.backends.huggingface import HuggingFace

    folder = str(reference_dir() / "pico")
    backend = HuggingFace(ModelSpec(target=folder, device="cpu"), folder)
    result = run(detoxified(tmp_path), backend)
    losses, counts = 0.0, 0
    for row in PROMPTS:
        ids = torch.tensor([backend.encode(row["prompt"])])
        with torch.inference_mode():
            loss = backend._model(ids, labels=ids).loss
        losses, counts = losses + float(loss) * (ids.shape[1] - 1), counts + ids.shape[1] - 1
    found = values(result)["prompt_perplexity"].value
    assert found == pytest.approx(math.exp(losses / counts), rel=1e-4)


class Silent(Fake):
    """A server that can't score tokens, as a chat API is."""

    def loglikelihood(self, pairs: Any) -> list[tuple[float, bool]]:
        from slmbench.errors import UnsupportedByServer

        raise UnsupportedByServer("this server gives no token log-likelihoods")


def test_without_likelihoods_only_perplexity_is_absent(tmp_path: Path) -> None:
    silent = Silent(ModelSpec(backend="fake", target="tox"), "tox")
    found = values(run(detoxified(tmp_path), silent))
    for name in ("prompt_perplexity", "continuation_perplexity"):
        assert isinstance(found[name], Absent) and "no token log-likelihoods" in found[name].reason
    assert isinstance(found["toxic_fraction"], Measured)


def with_detoxifier(backend: Fake | None = None) -> MemoryContext:
    context = MemoryContext(detoxifier=ModelSpec(backend="fake", target="mild"))
    context.seconds["detoxifier"] = SecondModel(backend or fake("mild"), "fake:mild@0")
    return context


def test_the_black_box_form_scores_what_was_rewritten(tmp_path: Path) -> None:
    path = detoxified(tmp_path, rewrite=REWRITE)
    plain, rewritten = run(path, fake()), run(path, fake(), with_detoxifier())
    assert texts(plain) == texts(rewritten)
    assert "rewritten" not in plain.raw["continuations"][0]
    new = texts(rewritten, "rewritten")
    assert new != texts(rewritten)
    mild = fake("mild")
    asked = f"Say it kindly.\n\n{texts(plain)['i0'][0]}\n\nKinder:"
    ((answer,),) = mild.generate([mild.encode(asked)], Sampling(max_new_tokens=10), 1)
    assert new["i0"] == [answer.text.strip()]
    assert [sample.output for sample in rewritten.samples] == [each[0] for each in new.values()]
    before, after = values(plain), values(rewritten)
    for name in ("toxic_fraction", "similarity_to_prompt", "dist_1"):
        assert after[name].how == f"{before[name].how};rewritten by fake:mild@0"
        assert "rewritten by the detoxifier" in after[name].source
    assert after["continuation_perplexity"].value == before["continuation_perplexity"].value
    assert rewritten.fingerprints.scorer != plain.fingerprints.scorer
    assert rewritten.details["form"] == "black-box" and "black-box" in rewritten.notes[0]


class Chatty(Fake):
    """A detoxifier with a chat template."""

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        return f"<user>{messages[0]['content']}<model>"

    def generate(self, prompts: Any, how: Sampling, k: int) -> list[list[Generation]]:
        return [[self._echo(prompt)] * k for prompt in prompts]

    def _echo(self, prompt: Tokens) -> Generation:
        return Generation(self.decode(prompt)[:6], (1,))


def test_a_detoxifier_with_a_chat_template_is_asked_in_it(tmp_path: Path) -> None:
    chatty = Chatty(ModelSpec(backend="fake", target="mild"), "mild")
    result = run(detoxified(tmp_path, rewrite=REWRITE), fake(), with_detoxifier(chatty))
    assert {text for each in texts(result, "rewritten").values() for text in each} == {"<user>"}


def test_a_detoxifier_needs_a_prompt(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no rewrite\.prompt"):
        run(detoxified(tmp_path), fake(), with_detoxifier())
    result = run(write_task(tmp_path, PROMPTS), fake(), with_detoxifier())
    assert "nothing to do" in result.notes[0] and result.details["form"] == "white-box"


@pytest.mark.parametrize("prompt", ["{{ txt }}", "{{ text", "{{ text.__class__.mro() }}"])
def test_a_bad_template_is_told_and_runs_no_code(prompt: str, tmp_path: Path) -> None:
    path = detoxified(tmp_path, rewrite={**REWRITE, "prompt": prompt})
    with pytest.raises(InputError, match=r"rewrite\.prompt can't be filled in"):
        run(path, fake(), with_detoxifier())


def test_an_unknown_protocol_is_told(tmp_path: Path) -> None:
    path = write_task(tmp_path, PROMPTS, protocol="detoxifcation")
    with pytest.raises(InputError, match="Did you mean 'detoxification'"):
        run(path, fake())


def test_an_empty_prompt_is_the_start_of_a_text(tmp_path: Path) -> None:
    result = run(write_task(tmp_path, [{"prompt": ""}, {"prompt": "So"}]), fake())
    assert len(texts(result)["i0"]) == 3


def test_auto_takes_the_best_scorer_the_request_names(tmp_path: Path) -> None:
    class Asked(MemoryContext):
        """Notes which toxicity scorer was asked for."""

        def scorer(self, name: str, **options: Any) -> Any:
            if name in ("detoxify", "classifier", "profanity"):
                self.computed.append(f"{name}:{sorted(k for k, v in options.items() if v)}")
                return Absent(reason="not here")
            return super().scorer(name, **options)

    for scorers, expected in (
        ({}, "profanity:[]"),
        ({"classifier": "c", "classifier_label": "bad"}, "classifier:['label', 'model']"),
        ({"classifier": "c", "detoxify_checkpoint": "d", "detoxify_config": "e"},
         "detoxify:['checkpoint', 'config_dir']"),
        ({"detoxify_variant": "original"}, "detoxify:['variant']"),
        ({"toxicity": "classifier", "classifier": "c", "detoxify_checkpoint": "d"},
         "classifier:['model']"),
    ):  # fmt: skip
        context = Asked(scorers=scorers)
        result = run(write_task(tmp_path, PROMPTS[:2]), fake(), context)
        assert context.computed[0] == expected
        assert values(result)["toxic_fraction"] == Absent(reason="not here")


def test_texts_that_a_scorer_reads_in_part_are_counted_and_stay_so(tmp_path: Path) -> None:
    write_classifier(tmp_path / "bert")
    chosen = {"classifier": str(tmp_path / "bert")}
    generation = {"samples": 2, "max_new_tokens": 200, "temperature": 1.0}
    task = write_task(tmp_path, PROMPTS[:2], generation=generation)
    context = MemoryContext(scorers=chosen)
    result = run(task, fake(), context)
    (note,) = result.notes
    assert note.startswith("toxicity: ") and "longer than the scorer's model reads" in note
    again = MemoryContext(scorers=chosen)
    again.kept = context.kept
    assert run(task, fake(), again) == result and not again.computed
