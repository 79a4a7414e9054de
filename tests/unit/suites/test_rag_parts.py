"""The rag suite's parts: what a task may say, how passages are ranked, what a prompt holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slmbench import catalog
from slmbench.backends.fake import Fake
from slmbench.errors import InputError
from slmbench.ports import Scorer, Tokens
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent, Measured
from slmbench.schema.model_spec import ModelSpec
from slmbench.schema.plan import Job, TaskRef
from slmbench.schema.record import JobResult
from slmbench.suites.rag import retriever
from slmbench.suites.rag.reader import Reader
from slmbench.suites.rag.retriever import Rankings, Retriever
from slmbench.suites.rag.suite import Rag
from slmbench.suites.rag.task import Retrieval, context_id, load_rag
from slmbench.suites.taskfile import task_hash
from tests.contract.memory_context import NO_ENCODER, NO_SECOND, MemoryContext
from tests.unit.scorers.ragas_script import scripted

PASSAGES = {
    "mill": "The mill of Copper Lane grinds oats.",
    "inn": "The inn of Copper Lane serves soup.",
    "once": "Long ago the mill of Copper Lane ground rye.",
    "mayor": "Wanda is the mayor.",
}
ITEMS: list[dict[str, Any]] = [
    {"id": "a", "question": "What does the mill grind?", "answer": "oats", "relevant": ["mill"]},
    {"id": "b", "question": "Who is mayor?", "answer": "Wanda", "relevant": {"mayor": 2, "inn": 1}},
    {"id": "c", "question": "How old is the sea?", "answer": "unknown", "relevant": []},
]


class Reads(Fake):
    """A byte-level reader that says the last word it is shown, and knows nothing by itself."""

    def _continue(self, prompt: Tokens, how: Any, number: int) -> Any:
        told = self.decode(prompt).partition("Facts: ")[2].partition("\n")[0].rstrip(".")
        self.said = told.rpartition(" ")[2]
        found = super()._continue(prompt, how, number)
        return type(found)(text=f" {self.said}", tokens=found.tokens[:1])


def write(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    path = folder / "town.yaml"
    task: dict[str, Any] = {
        "suite": "rag", "task": "town", "version": 1, "data": "town.jsonl",
        "passages": "passages.jsonl", "retrieval": {"by": "bm25", "k": 1},
        "generation": {"max_new_tokens": 8}, **changes,
    }  # fmt: skip
    path.write_text(json.dumps({key: value for key, value in task.items() if value is not None}))
    (folder / "town.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or ITEMS))
    lines = [json.dumps({"id": key, "text": text}) for key, text in PASSAGES.items()]
    (folder / "passages.jsonl").write_text("\n".join(lines))
    return path


def reads(**settings: Any) -> Reads:
    return Reads(ModelSpec(backend="fake", target="reads", **settings), "reads")


def run(path: Path, context: MemoryContext | None = None, backend: Fake | None = None) -> JobResult:
    task = TaskRef(name="town", kind="rag", path=str(path))
    job = Job(job_id="rag/town", suite="rag", task=task)
    return Rag().run(job, backend or reads(), context or MemoryContext())


def value(result: JobResult, name: str) -> Any:
    (found,) = [each.value for each in result.metrics if each.metric == name]
    return found


def number(result: JobResult, name: str) -> float:
    found = value(result, name)
    assert isinstance(found, Measured), found
    return found.value


def test_a_job_by_hand(tmp_path: Path) -> None:
    result = run(write(tmp_path))
    # BM25's best: a -> mill (the shorter of two with "mill"), b -> mayor, c -> mill (all equal).
    places = {row["sample_id"]: row["passage"] for row in result.raw["rankings"]}
    assert places == {"a": "mill", "b": "mayor", "c": "mill"}
    assert number(result, "recall@1") == pytest.approx((1 + 1 / 2) / 2)
    assert number(result, "mrr") == number(result, "precision@1") == 1.0
    assert number(result, "ndcg@1") == 1.0
    assert number(result, "context_precision_id") == 1.0
    assert number(result, "context_recall_id") == 0.75
    # The reader says the passage's last word: "oats", "mayor", "oats".
    assert number(result, "token_f1_retrieved") == pytest.approx(1 / 3)
    # With both right passages, the best first, b's last word is the inn's "soup".
    assert number(result, "token_f1_gold") == pytest.approx(1 / 3)
    assert number(result, "exact_match_no_context") == 0.0
    assert number(result, "context_gain") == pytest.approx(1 / 3)
    gain = value(result, "context_gain")
    assert gain.interval.low < 0.0 < gain.value < gain.interval.high and gain.n == 3
    (third,) = [each for each in result.samples if each.sample_id == "c"]
    assert third.unscored["mrr"] == "no passage is relevant to this question"
    assert "mrr" not in third.scores and third.status == "ok"


def test_without_a_judge_the_cure_is_told(tmp_path: Path) -> None:
    assert value(run(write(tmp_path)), "faithfulness") == Absent(reason=NO_SECOND)


def test_a_judged_job_by_hand(tmp_path: Path) -> None:
    pytest.importorskip("ragas")
    context = MemoryContext()
    context.seconds["judge"] = scripted()
    result = run(write(tmp_path), context)
    # Answers oats, mayor, oats; passages mill, mayor, mill: each answer stands in its passage.
    assert number(result, "faithfulness") == 1.0
    # The references oats and Wanda stand in the passage given, "unknown" does not.
    assert number(result, "context_precision") == pytest.approx(2 / 3)
    assert number(result, "context_recall") == pytest.approx(2 / 3)
    # Words of four letters and more in the passage: does? no, mill, grind -> 2; mayor -> 1; 0.
    assert number(result, "context_relevancy") == pytest.approx((1 + 0.5 + 0) / 3)
    assert "scorers.embedding" in value(result, "answer_relevancy").reason
    assert value(result, "faithfulness").how.endswith("faithfulness,judge=scripted@1")
    assert "two passages" in value(result, "position_bias").reason
    assert number(result, "repeat_consistency") == 1.0
    assert "drawn at 0.7" in value(result, "repeat_consistency").how
    # Three answers three times; then four metrics, all drawn again and three of them turned round.
    total = 3 * 3 + 4 * 3 + 3 * (4 + 3)
    assert context.progressed[-1] == (total, total)
    again = MemoryContext()
    again.kept, again.seconds = dict(context.kept), {"judge": scripted(lambda *_: "spoilt")}
    assert run(write(tmp_path), again) == result and again.computed == []


def test_replies_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    pytest.importorskip("ragas")
    context, first = MemoryContext(), iter(["well"])
    context.seconds["judge"] = scripted(
        lambda form, text: next(first, text) if form == "ContextRecallOutput" else text
    )
    result = run(write(tmp_path, conditions=["gold"]), context)
    kept = value(result, "context_recall")
    assert (kept.value, kept.n) == (1.0, 1)
    lost = [sample.unscored.get("context_recall", "") for sample in result.samples]
    assert "holds no JSON" in lost[0] and lost[1] == "" and "no passages" in lost[2]
    assert "context_recall: 2 of 3 answers could not be judged" in result.notes
    assert value(result, "context_precision").n == 2
    only_noise = MemoryContext()
    only_noise.seconds["judge"] = scripted(lambda form, text: "well")
    absent = value(run(write(tmp_path), only_noise), "faithfulness")
    assert isinstance(absent, Absent) and "3x: the judge's reply holds no JSON" in absent.reason


def test_only_the_first_items_are_judged(tmp_path: Path) -> None:
    pytest.importorskip("ragas")
    context = MemoryContext()
    context.seconds["judge"] = scripted()
    result = run(write(tmp_path, judged_items=1), context)
    assert value(result, "faithfulness").n == 1 and value(result, "token_f1_gold").n == 3


def test_nothing_is_judged_that_no_passage_was_read_for(tmp_path: Path) -> None:
    context = MemoryContext()
    context.seconds["judge"] = scripted()
    result = run(write(tmp_path, conditions=["no_context"]), context)
    assert "no answer was written from passages" in value(result, "context_recall").reason
    assert "conditions leave out" in value(result, "context_precision_id").reason
    assert "conditions leave out" in value(result, "context_gain").reason
    assert number(result, "recall@1") == 0.75


def test_without_bm25s_what_needs_it_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retriever, "bm25s", None)
    result = run(write(tmp_path))
    for name in ("recall@1", "token_f1_retrieved", "context_gain", "context_recall_id"):
        assert "slmbench[rag]" in value(result, name).reason
    assert number(result, "token_f1_gold") == pytest.approx(1 / 3)


def test_without_an_encoder_ranking_by_embedding_is_absent(tmp_path: Path) -> None:
    path = write(tmp_path, retrieval={"by": "embedding", "k": 1, "also": ["bm25"]})
    result = run(path)
    assert value(result, "recall@1") == Absent(reason=NO_ENCODER)
    assert number(result, "recall@1_bm25") == 0.75


class EncoderContext(MemoryContext):
    def scorer(self, name: str, **options: Any) -> Scorer | Absent:
        made: Scorer = catalog.load("scorers", name)(**options)
        return made


def test_ranking_by_a_real_encoder(sentence_dir: Path) -> None:
    context = EncoderContext(scorers={"embedding": str(sentence_dir)})
    passages = {"sky": "the sky is blue", "rain": "it was a bad night", "kind": "you are very kind"}
    questions = ["the sky is blue", "you are very kind"]
    asked = Retriever(Retrieval(), questions, passages, reads(), context)
    found = asked.rank("embedding", lambda count: None)
    assert isinstance(found, Rankings)
    assert [ids[0] for ids in found.ids] == ["sky", "kind"]
    assert all(sorted(ids) == sorted(passages) for ids in found.ids)
    assert found.provenance.startswith("sentence-transformers@")


def test_ranking_by_the_model_itself_is_by_its_log_likelihood() -> None:
    """Against one plain forward pass for each pair, with a trained model of our own."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from slmbench.backends.huggingface import HuggingFace

    folder = str(reference_dir() / "micro")
    backend = HuggingFace(ModelSpec(target=folder, dtype="float32"), folder)
    passages = {"nora": "Nora eats cake.", "paul": "Paul eats rice.", "hat": "The hat is red."}
    questions = ["What does Paul eat?", "What colour is the hat?"]
    context = MemoryContext()
    asked = Retriever(Retrieval(), questions, passages, backend, context)
    told: list[int] = []
    found = asked.rank("query_likelihood", told.append)
    assert isinstance(found, Rankings) and found.cut_count == 0 and sum(told) == 2
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for question, ids in zip(questions, found.ids, strict=True):
        plain = {}
        for key, text in passages.items():
            head = backend.encode(f"Facts: {text}")
            head += backend.encode("\nQuestion:", add_special_tokens=False)
            tail = backend.encode(f" {question}", add_special_tokens=False)
            with torch.no_grad():
                logits = model(torch.tensor([head + tail])).logits[0].log_softmax(-1)
            places = range(len(head) - 1, len(head) + len(tail) - 1)
            plain[key] = sum(float(logits[at, t]) for at, t in zip(places, tail, strict=True))
        assert list(ids) == sorted(plain, key=lambda key: -plain[key])
    kept = [each for value in context.kept.values() for each in json.loads(value)]
    assert min(kept[3:]) == pytest.approx(min(plain.values()), abs=1e-3)


def test_candidates_are_bm25s_best(tmp_path: Path) -> None:
    how = {"by": "query_likelihood", "k": 1, "candidates": 2}
    result = run(write(tmp_path, retrieval=how))
    places = {row["sample_id"]: row["passage"] for row in result.raw["rankings"]}
    assert places["a"] in ("mill", "once")
    assert value(result, "mrr").how.startswith("query-likelihood@1:the model under test over bm25s")


def test_passages_without_words_keep_their_order() -> None:
    passages = {"x": "!!", "y": "??"}
    asked = Retriever(Retrieval(), ["why", ""], passages, reads(), MemoryContext())
    found = asked.rank("bm25", lambda count: None)
    assert isinstance(found, Rankings) and found.ids == (("x", "y"), ("x", "y"))


@given(st.integers(40, 400), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_a_prompt_fits_the_model_or_holds_no_passage(window: int, sizes: list[int]) -> None:
    passages = {f"p{n}": " ".join(["word"] * size) for n, size in enumerate(sizes)}
    backend = reads(max_length=window)
    task = load_rag_from_text()
    reader = Reader(task, "here", backend, MemoryContext())
    reading = reader.put("Why?", list(passages), passages)
    room = window - task.generation.max_new_tokens
    assert len(reading.tokens) <= room or not reading.ids
    assert list(reading.ids) == list(passages)[: len(reading.ids)]
    whole = [passages[each] for each in passages]
    assert reading.cut == (list(reading.contexts) != whole)
    if reading.contexts:
        assert whole[0].startswith(reading.contexts[0])
        # A word more would not have fitted.
        if reading.cut and len(reading.ids) == 1 and reading.contexts[0] != whole[0]:
            assert len(reading.tokens) + len(" word") > room


def load_rag_from_text() -> Any:
    from slmbench.suites.rag.task import RagTask

    return RagTask.model_validate(
        {"suite": "rag", "task": "t", "version": 1, "data": "d", "generation":
         {"max_new_tokens": 4}}
    )  # fmt: skip


def test_what_did_not_fit_is_told(tmp_path: Path) -> None:
    result = run(write(tmp_path), backend=reads(max_length=60))
    assert any(n == "retrieved: 3 of 3 prompts hold fewer or cut passages" for n in result.notes)


def test_an_item_may_bring_its_own_context(tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "question": q, "answer": "x", "context": c}
        for n, (q, c) in enumerate([("the mill?", PASSAGES["mill"]), ("mayor?", PASSAGES["mayor"]),
                                    ("who is mayor?", PASSAGES["mayor"])])
    ]  # fmt: skip
    path = write(tmp_path, rows, passages=None)
    loaded = load_rag(path)
    assert len(loaded.passages) == 2  # equal contexts are one passage
    assert loaded.rows[1].grades == {context_id(PASSAGES["mayor"]): 1.0}
    assert number(run(path), "recall@1") == 1.0


def test_aliases_count_and_a_limit_keeps_every_passage(tmp_path: Path) -> None:
    rows = [{**ITEMS[0], "answer": "grain", "aliases": ["Oats", "rye"]}, *ITEMS[1:]]
    context = MemoryContext(limit=1)
    result = run(write(tmp_path, rows), context)
    assert number(result, "exact_match_retrieved") == 1.0
    assert result.details["passages"] == len(PASSAGES) and len(result.samples) == 1


def test_the_chat_template_is_used_where_asked(tmp_path: Path) -> None:
    class Chats(Reads):
        def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
            return "".join(f"<{each['role']}>{each['content']}" for each in messages)

    backend = Chats(ModelSpec(backend="fake", target="chats"), "chats")
    context = MemoryContext(apply_chat_template=True, system_instruction="Be brief.")
    reader = Reader(load_rag_from_text(), "here", backend, context)
    reading = reader.put("Why?", ["mill"], PASSAGES)
    assert reading.text.startswith("<system>Be brief.<user>Facts: The mill")
    with pytest.raises(InputError, match="no chat template"):
        run(write(tmp_path), context)


def test_braces_in_data_are_text(tmp_path: Path) -> None:
    rows = [{**ITEMS[0], "question": "{{ 7 * 7 }} {% for x in y %} the mill?"}]
    reader = Reader(load_rag_from_text(), "here", reads(), MemoryContext())
    assert "{{ 7 * 7 }} {% for" in reader.put(rows[0]["question"], [], PASSAGES).text


WRONG: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "unknown key": ({"retrieva": {}}, ITEMS, "Did you mean 'retrieval'"),
    "unknown way": ({"retrieval": {"by": "bm26"}}, ITEMS, "retrieval"),
    "twice the same way": ({"retrieval": {"by": "bm25", "also": ["bm25"]}}, ITEMS, "each of them"),
    "idle candidates": ({"retrieval": {"candidates": 5}}, ITEMS, "are for query_likelihood"),
    "few candidates": ({"retrieval": {"by": "query_likelihood", "k": 5, "candidates": 2}}, ITEMS,
                       "cannot fill"),
    "warm reader": ({"generation": {"max_new_tokens": 3, "temperature": 1}}, ITEMS, "greedily"),
    "no condition": ({"conditions": []}, ITEMS, "at least one"),
    "template": ({"prompt": "{% if"}, ITEMS, "not a template"),
    "template's name": ({"prompt": "{{ quest }}"}, ITEMS, "'quest' is undefined"),
    "template's escape": ({"prompt": "{{ ''.__class__.__mro__ }}"}, ITEMS, "unsafe"),
    "lost passage": ({}, [{**ITEMS[0], "relevant": ["sea"]}], "names the passage 'sea'"),
    "no relevant": ({}, [{"id": "a", "question": "q", "answer": "a"}], "either 'relevant'"),
    "negative grade": ({}, [{**ITEMS[0], "relevant": {"mill": -1}}], "not negative"),
    "no file": ({"passages": "gone.jsonl"}, ITEMS, "gone.jsonl"),
    "blank question": ({}, [{**ITEMS[0], "question": ""}], "question"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_task_is_the_users_to_mend(name: str, tmp_path: Path) -> None:
    changes, rows, expected = WRONG[name]
    with pytest.raises(InputError) as error:
        run(write(tmp_path, rows, **changes))
    assert expected in str(error.value)


def test_a_passage_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    with (tmp_path / "passages.jsonl").open("a") as stream:
        stream.write("\n" + json.dumps({"id": "mill", "text": "again"}))
    with pytest.raises(InputError, match="holds an id twice"):
        load_rag(path)


def test_other_passages_are_another_task(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = task_hash(path), run(path).fingerprints.task
    with (tmp_path / "passages.jsonl").open("a") as stream:
        stream.write("\n" + json.dumps({"id": "new", "text": "new"}))
    assert task_hash(path) != before[0] and run(path).fingerprints.task != before[1]


def test_answer_relevancy_with_an_encoder_may_be_negative(
    tmp_path: Path, sentence_dir: Path
) -> None:
    pytest.importorskip("ragas")
    context = EncoderContext(scorers={"embedding": str(sentence_dir)})
    context.seconds["judge"] = scripted()
    found = value(run(write(tmp_path), context), "answer_relevancy")
    assert isinstance(found, Measured) and found.n == 3 and -1.0 <= found.value <= 1.0
    assert found.interval is not None and found.interval.low <= found.value <= found.interval.high


def test_every_number_is_finite(tmp_path: Path) -> None:
    for metric in run(write(tmp_path)).metrics:
        if isinstance(metric.value, Measured):
            assert math.isfinite(metric.value.value)
