"""Build tiny real encoders on disk: a BERT folder, Detoxify checkpoints and a sentence model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_VOCABULARY = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] you are a an the kind stupid person hello world sun sky is "
    "blue not very ##s ##ly ##er . , ! ? i we they it was were good bad day night rain snow"
)
WORDS = _VOCABULARY.split()
JIGSAW = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")


def bert_config(labels: int) -> Any:
    import transformers

    return transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
        num_labels=labels,
    )


def _spread(model: Any) -> None:
    """Draw larger matrices: with the default ones every text would get almost the same score."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0.0, 0.4)


@pytest.fixture(scope="session")
def encoder_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold config.json and a tokenizer, as the folder of a base encoder does."""
    folder = tmp_path_factory.mktemp("encoder")
    config = bert_config(2).to_dict()
    config.pop("id2label", None)
    config.pop("label2id", None)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "model_max_length": 24})
    )
    return folder


@pytest.fixture(scope="session")
def classifier() -> Any:
    """Return a seeded random BertForSequenceClassification with six labels."""
    import torch
    import transformers

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = transformers.BertForSequenceClassification(bert_config(len(JIGSAW)))
        _spread(model)
    return model.eval()


@pytest.fixture
def write_checkpoint(tmp_path: Path, encoder_dir: Path, classifier: Any) -> Callable[..., Path]:
    """Return a writer of Detoxify files; keywords change what is in them."""
    import torch

    def write(
        name: str = "toxic.ckpt",
        *,
        state: dict[str, Any] | None = None,
        arch: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Path:
        args = {
            "num_classes": len(JIGSAW),
            "model_type": str(encoder_dir),
            "model_name": "BertForSequenceClassification",
            "tokenizer_name": "BertTokenizer",
            **(arch or {}),
        }
        content = {
            "config": {
                "arch": {"type": "BERT", "args": args},
                "dataset": {"args": {"classes": list(JIGSAW), **(data or {})}},
            },
            "state_dict": classifier.state_dict() if state is None else state,
            **(extra or {}),
        }
        path = tmp_path / name
        torch.save(content, path)
        return path

    return write


@pytest.fixture(scope="session")
def sentence_dir(tmp_path_factory: pytest.TempPathFactory, encoder_dir: Path) -> Path:
    """Hold a real sentence-transformers model: a tiny random BERT and mean pooling."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    bert_dir = tmp_path_factory.mktemp("bert")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        bert = transformers.BertModel(bert_config(2))
        _spread(bert)
    bert.save_pretrained(bert_dir)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (bert_dir / name).write_text((encoder_dir / name).read_text())
    body = Transformer(str(bert_dir))
    pooling = Pooling(32, pooling_mode="mean")
    folder = tmp_path_factory.mktemp("sentences") / "tiny-sentences"
    SentenceTransformer(modules=[body, pooling], device="cpu").save(str(folder))
    return folder
