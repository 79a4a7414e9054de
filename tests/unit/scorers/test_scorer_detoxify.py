"""Check the Detoxify loader against the model itself, the detoxify package and bad files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from slmbench.errors import InputError, ModelError
from slmbench.ports import TextItem
from slmbench.scorers.detoxify_scorer import DetoxifyScorer

TEXTS = ["you are a stupid person", "hello world", "the sun is very good .", ""]
Write = Callable[..., Path]


def items(texts: list[str]) -> list[TextItem]:
    return [TextItem(output=text) for text in texts]


def load(checkpoint: Path, folder: Path, **options: Any) -> DetoxifyScorer:
    return DetoxifyScorer(checkpoint=str(checkpoint), config_dir=str(folder), **options)


def test_scores_equal_a_direct_forward(
    write_checkpoint: Write, encoder_dir: Path, classifier: Any
) -> None:
    import torch
    import transformers

    tokenizer = transformers.BertTokenizer.from_pretrained(encoder_dir)
    expected = []
    for text in TEXTS:
        with torch.inference_mode():
            logits = classifier(**tokenizer(text, return_tensors="pt")).logits
        expected.append(float(torch.sigmoid(logits)[0, 0]))
    scorer = load(write_checkpoint(), encoder_dir, batch_size=1)
    assert scorer.score(items(TEXTS)) == expected
    assert max(expected) - min(expected) > 0.05
    assert load(write_checkpoint(), encoder_dir).score(items(TEXTS)) == pytest.approx(
        expected, abs=1e-6
    )


def test_scores_equal_the_detoxify_package(write_checkpoint: Write, encoder_dir: Path) -> None:
    from detoxify import Detoxify

    path = write_checkpoint()
    theirs = Detoxify(checkpoint=str(path))  # the file names our folder as its model_type
    ours = load(path, encoder_dir)
    # One batch, in the order ours would sort it in, so that the padding is the same.
    ordered = sorted(TEXTS, key=len)
    predicted = theirs.predict(ordered)
    assert ours.score(items(ordered)) == predicted["toxicity"]
    assert ours.classes == tuple(predicted)
    assert "identity_attack" in ours.classes and "severe_toxicity" in ours.classes


def test_provenance_is_the_file(write_checkpoint: Write, encoder_dir: Path) -> None:
    path = write_checkpoint()
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load(path, encoder_dir).provenance == f"detoxify-custom@{sha[:12]}"
    assert load(path, encoder_dir, variant="mine").provenance == f"detoxify-mine@{sha[:12]}"


def test_loading_leaves_the_random_numbers_alone(
    write_checkpoint: Write, encoder_dir: Path
) -> None:
    import torch

    path = write_checkpoint()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load(path, encoder_dir)
    assert torch.equal(torch.rand(4), expected)


def test_long_text_is_cut_to_the_models_positions(
    write_checkpoint: Write, encoder_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "no-limit"
    shutil.copytree(encoder_dir, folder)
    # Without model_max_length the detoxify package ends in a RuntimeError here.
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    scorer = load(write_checkpoint(), folder)
    long, cut = "good day " * 500, "good day " * 11
    a, b = scorer.score(items([long, cut]))
    assert a == pytest.approx(b, abs=1e-6)


def test_old_position_ids_and_unused_poolers_are_harmless(
    write_checkpoint: Write, encoder_dir: Path, classifier: Any
) -> None:
    import torch

    state = dict(classifier.state_dict())
    state["bert.embeddings.position_ids"] = torch.arange(24)[None]
    state["roberta.pooler.dense.bias"] = torch.zeros(2)
    load(write_checkpoint(state=state), encoder_dir)


@pytest.mark.parametrize(
    ("drop", "add", "match"),
    [
        (("classifier.weight", "classifier.bias"), {}, "lacks classifier"),
        ((), {"bert.encoder.layer.2.output.dense.bias": 2}, "no place for bert.encoder.layer.2"),
    ],
)
def test_incomplete_or_foreign_weights_are_refused(
    write_checkpoint: Write, encoder_dir: Path, classifier: Any, drop: Any, add: Any, match: str
) -> None:
    import torch

    state = {k: v for k, v in classifier.state_dict().items() if k not in drop}
    state |= {name: torch.zeros(size) for name, size in add.items()}
    with pytest.raises(ModelError, match=match):
        load(write_checkpoint(state=state), encoder_dir)


@pytest.mark.parametrize(
    ("arch", "data", "match"),
    [
        ({"num_classes": 5}, {}, "6 classes for 5 outputs"),
        ({"num_classes": 7}, {}, "6 classes for 7 outputs"),
        ({"num_classes": 7}, {"identity_classes": ["male"]}, "doesn't fit"),
        ({}, {"classes": list("abcdef")}, "no class 'toxicity'"),
        ({"model_name": "BertModel"}, {}, "isn't a sequence classifier"),
        ({"model_name": "pipeline"}, {}, "isn't a sequence classifier"),
        ({"model_name": "RobertaForSequenceClassification"}, {}, "configures a bert model"),
        ({"tokenizer_name": "NoTokenizer"}, {}, "NoTokenizer"),
        ({"tokenizer_name": "BertModel"}, {}, "tokenizer 'BertModel'"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    write_checkpoint: Write, encoder_dir: Path, arch: Any, data: Any, match: str
) -> None:
    with pytest.raises(ModelError, match=match):
        load(write_checkpoint(arch=arch, data=data), encoder_dir)


def test_identity_outputs_of_the_unbiased_models_are_allowed(
    write_checkpoint: Write, encoder_dir: Path
) -> None:
    path = write_checkpoint(
        data={
            "classes": ["toxicity", "insult", "threat", "obscene"],
            "identity_classes": ["a", "b"],
        }
    )
    scorer = load(path, encoder_dir)
    plain = load(write_checkpoint("plain.ckpt"), encoder_dir)
    assert scorer.score(items(TEXTS)) == plain.score(items(TEXTS))


def test_config_with_other_labels_is_refused(
    write_checkpoint: Write, encoder_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "two-labels"
    shutil.copytree(encoder_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "no", "1": "yes"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="configures 2 labels"):
        load(write_checkpoint(), folder)


def test_a_folder_without_tokenizer_is_refused(
    write_checkpoint: Write, encoder_dir: Path, tmp_path: Path
) -> None:
    # transformers would go on with a tokenizer of five special tokens: every text [UNK].
    folder = tmp_path / "config-only"
    folder.mkdir()
    shutil.copy(encoder_dir / "config.json", folder)
    with pytest.raises(ModelError, match="holds no tokenizer"):
        load(write_checkpoint(), folder)
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]")
    with pytest.raises(ModelError, match="don't belong together"):
        load(write_checkpoint(), folder)


class Harmful:
    def __reduce__(self) -> Any:
        return (print, ("this ran",))


def test_a_pickle_that_would_run_code_is_refused(
    write_checkpoint: Write, encoder_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_checkpoint(extra={"more": Harmful()})
    with pytest.raises(ModelError, match="re-save it once"):
        load(path, encoder_dir)
    assert "this ran" not in capsys.readouterr().out


def test_files_that_are_not_checkpoints(
    write_checkpoint: Write, encoder_dir: Path, tmp_path: Path
) -> None:
    import torch

    with pytest.raises(ModelError, match="isn't a file"):
        load(tmp_path / "no.ckpt", encoder_dir)
    whole = write_checkpoint().read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("text", b"hello"), ("none", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError):
            load(tmp_path / name, encoder_dir)
    torch.save({"state_dict": {}}, tmp_path / "bare.ckpt")
    with pytest.raises(ModelError, match="isn't a Detoxify checkpoint"):
        load(tmp_path / "bare.ckpt", encoder_dir)
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(ModelError, match="isn't a Detoxify checkpoint"):
        load(tmp_path / "list.ckpt", encoder_dir)


def test_download_without_a_network_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(ModelError, match=r"toxic_original-c1212f89\.ckpt.*detoxify_checkpoint"):
        DetoxifyScorer.from_download("original")
    with pytest.raises(InputError, match="Did you mean 'unbiased'"):
        DetoxifyScorer.from_download("unbiasd")


def test_download_runs_detoxifys_own_loading(
    write_checkpoint: Write, encoder_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from detoxify.detoxify import MODEL_URLS

    path = write_checkpoint()
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    cached = tmp_path / "hub" / "checkpoints" / MODEL_URLS["original"].rsplit("/", 1)[-1]
    cached.parent.mkdir(parents=True)
    shutil.copy(path, cached)
    with pytest.raises(ModelError, match="is damaged"):
        DetoxifyScorer.from_download("original")  # the real file's hash begins with c1212f89
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(
        __import__("slmbench.scorers.detoxify_scorer", fromlist=["_RELEASES"])._RELEASES,
        "original",
        sha[:8],
    )
    scorer = DetoxifyScorer.from_download("original")
    assert scorer.provenance == f"detoxify-original@{sha[:12]}"
    assert scorer.score(items(TEXTS)) == load(path, encoder_dir).score(items(TEXTS))
    assert load(path, encoder_dir).provenance == scorer.provenance
