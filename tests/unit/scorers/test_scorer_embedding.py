"""Check the embedding scorers with a tiny real sentence-transformers model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slmbench.errors import ModelError
from slmbench.ports import TextItem
from slmbench.resources import reference_dir
from slmbench.schema.base import Absent
from slmbench.scorers.embedding import EmbeddingCosine, SimilarityToPrompt, encoder_of
from tests.unit.scorers.tiny_checkpoints import write_encoder


def test_cosine_is_that_of_the_model(sentence_dir: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import cos_sim

    texts = ["the sky is blue", "it was a bad night"]
    model = SentenceTransformer(str(sentence_dir), device="cpu")
    expected = float(cos_sim(model.encode(texts[0]), model.encode(texts[1])))
    scorer = EmbeddingCosine(model=str(sentence_dir))
    (score,) = scorer.score([TextItem(output=texts[0], reference=texts[1])])
    assert score == pytest.approx(expected, abs=1e-5) and abs(expected) < 0.999
    (prompt,) = SimilarityToPrompt(model=str(sentence_dir)).score(
        [TextItem(output=texts[0], prompt=texts[1])]
    )
    assert prompt == score


def test_provenance_tells_model_from_fallback_and_weights_from_weights(
    sentence_dir: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    first = EmbeddingCosine(model=str(sentence_dir)).provenance
    assert "tiny-sentences@" in first and str(sentence_dir.parent) not in first
    fallback = SimilarityToPrompt()
    assert "chrf" in fallback.provenance
    assert SimilarityToPrompt(model=str(sentence_dir)).provenance != fallback.provenance

    changed = tmp_path / "tiny-sentences"
    shutil.copytree(sentence_dir, changed)
    assert EmbeddingCosine(model=str(changed)).provenance == first
    (weights,) = changed.rglob("model.safetensors")
    tensors = load_file(weights)
    tensors["embeddings.word_embeddings.weight"][0, 0] += 1.0
    save_file(tensors, weights, metadata={"format": "pt"})
    other = tmp_path / "moved" / "tiny-sentences"
    shutil.copytree(changed, other)
    assert EmbeddingCosine(model=str(other)).provenance != first


def test_rounding_does_not_lift_a_cosine_above_one(sentence_dir: Path) -> None:
    texts = [
        f"{a} {b}" for a in ["good", "bad", "sun", "sky", "day"] for b in ["rain", "is", "not"]
    ]
    vectors = encoder_of(str(sentence_dir), "cpu").vectors(texts, 32)
    assert max(float((vector * vector).sum()) for vector in vectors) > 1.0
    items = [TextItem(output=text, reference=text) for text in texts]
    for score in EmbeddingCosine(model=str(sentence_dir)).score(items):
        assert isinstance(score, float) and 0.999999 < score <= 1.0


def test_blank_texts(sentence_dir: Path) -> None:
    scorer = EmbeddingCosine(model=str(sentence_dir))
    scores = scorer.score(
        [
            TextItem(output=" ", reference="a good day"),
            TextItem(output="a good day", reference=" "),
            TextItem(output="", reference=None),
            TextItem(output="good \ud800", reference="a day"),
        ]
    )
    assert scores[0] == 0.0
    assert isinstance(scores[1], Absent) and isinstance(scores[2], Absent)
    assert isinstance(scores[3], float)


def test_a_plain_encoders_tokens_are_averaged(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    write_encoder(tmp_path / "bert")
    body = Transformer(str(tmp_path / "bert"))
    theirs = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")])
    texts = ["the sky is blue", "it was a bad night", "good " * 60]
    expected = theirs.encode(texts, normalize_embeddings=True)
    found = encoder_of(str(tmp_path / "bert"), "cpu").vectors(texts, 2)
    assert found == pytest.approx(expected, abs=1e-5)
    scorer = EmbeddingCosine(model=str(tmp_path / "bert"))
    (score,) = scorer.score([TextItem(output=texts[0], reference=texts[1])])
    assert score == pytest.approx(float(expected[0] @ expected[1]), abs=1e-5)
    assert scorer.provenance.endswith(":mean-pooled") and ":bert@" in scorer.provenance


def test_a_decoder_may_be_the_encoder() -> None:
    folder = str(reference_dir() / "pico")
    texts = ["a day", "a good day at the river", "x"]
    together = encoder_of(folder, "cpu").vectors(texts, 3)
    assert together.shape == (3, 64) and (together**2).sum(axis=1) == pytest.approx(1.0)
    for text, vector in zip(texts, together, strict=True):
        assert encoder_of(folder, "cpu").vectors([text], 1)[0] == pytest.approx(vector, abs=1e-5)


def test_a_folder_that_is_no_model_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        EmbeddingCosine(model=str(tmp_path))


@pytest.mark.parametrize("kind", ["sentence", "plain"])
def test_pickled_weights_are_refused(kind: str, sentence_dir: Path, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(sentence_dir, folder)
    if kind == "plain":
        (folder / "modules.json").unlink()
    (weights,) = folder.rglob("model.safetensors")
    torch.save({}, weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="refuses"):
        EmbeddingCosine(model=str(folder))


def test_damaged_weights_are_refused(sentence_dir: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(sentence_dir, broken)
    (weights,) = broken.rglob("model.safetensors")
    weights.unlink()
    with pytest.raises(ModelError, match="can't be loaded"):
        EmbeddingCosine(model=str(broken))


def test_fallback_is_chrf_against_the_prompt() -> None:
    scores = SimilarityToPrompt().score(
        [
            TextItem(output="a good day", prompt="a good day"),
            TextItem(output="", prompt="a good day"),
            TextItem(output="a good day"),
        ]
    )
    assert scores[:2] == [1.0, 0.0]
    assert isinstance(scores[2], Absent) and "prompt" in scores[2].reason


def test_long_text_is_cut_to_the_models_positions(sentence_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "no-limit"
    shutil.copytree(sentence_dir, folder)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (score,) = EmbeddingCosine(model=str(folder)).score(
        [TextItem(output="good day " * 500, reference="good day " * 400)]
    )
    assert score == pytest.approx(1.0, abs=1e-5)


def test_padding_on_the_left_moves_no_text(tmp_path: Path) -> None:
    write_encoder(tmp_path / "bert", padding_side="left")
    encoder = encoder_of(str(tmp_path / "bert"), "cpu")
    texts = ["a good day", "the sky is blue and the sun is good"]
    together = encoder.vectors(texts, 2)
    for text, vector in zip(texts, together, strict=True):
        assert encoder.vectors([text], 1)[0] == pytest.approx(vector, abs=1e-5)


def test_what_other_programs_need_is_no_pickle(sentence_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / sentence_dir.name
    shutil.copytree(sentence_dir, folder)
    (folder / "openvino").mkdir()
    (folder / "openvino" / "openvino_model.bin").write_bytes(b"weights")
    first = EmbeddingCosine(model=str(sentence_dir)).provenance
    assert EmbeddingCosine(model=str(folder)).provenance == first
