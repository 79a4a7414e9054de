"""Write tiny random checkpoints: classifiers, encoders and a Detoxify file with its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.scorer_models import WORDS, bert_config

POSITIONS = 24


def write_tokenizer(
    folder: Path, model_max_length: int | None = POSITIONS, padding_side: str = "right"
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {"tokenizer_class": "BertTokenizer", "padding_side": padding_side}
    if model_max_length is not None:
        settings["model_max_length"] = model_max_length
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_classifier(
    folder: Path,
    labels: tuple[str, ...] = ("fine", "toxic"),
    problem_type: str | None = None,
    seed: int = 5,
    **tokenizer: Any,
) -> Any:
    """Write a BertForSequenceClassification and return it, in evaluation mode."""
    import transformers

    config = bert_config(len(labels))
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    config.problem_type = problem_type
    return _write(transformers.BertForSequenceClassification, config, folder, seed, tokenizer)


def write_encoder(folder: Path, seed: int = 6, **tokenizer: Any) -> Any:
    """Write a BertModel and return it, in evaluation mode."""
    import transformers

    return _write(transformers.BertModel, bert_config(2), folder, seed, tokenizer)


def roberta_config(labels: int, vocabulary: int) -> Any:
    import transformers

    return transformers.RobertaConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
        pad_token_id=1,
        num_labels=labels,
    )


def write_roberta_tokenizer(
    folder: Path, model_max_length: int | None = POSITIONS - 2, **settings: Any
) -> int:
    """Write a byte-level tokenizer; return the size of its vocabulary."""
    import tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator(
        [" ".join(WORDS)], 320, 1, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )  # fmt: skip
    trained.save_model(str(folder))
    settings["tokenizer_class"] = "RobertaTokenizer"
    if model_max_length is not None:
        settings["model_max_length"] = model_max_length
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return int(trained.get_vocab_size())


def write_roberta(folder: Path, seed: int = 8, **tokenizer: Any) -> Any:
    """Write a RobertaModel with its tokenizer and return it, in evaluation mode."""
    import transformers

    config = roberta_config(2, write_roberta_tokenizer(folder, **tokenizer))
    return _write(transformers.RobertaModel, config, folder, seed, None)


def write_detoxify(folder: Path, family: str, classes: Any, identities: Any, seed: int) -> Path:
    """Write a tiny checkpoint in Detoxify's format with its encoder's folder."""
    import torch
    import transformers

    outputs = len(classes) + len(identities)
    if family == "Bert":
        write_tokenizer(folder)
        config = bert_config(outputs)
    else:
        config = roberta_config(outputs, write_roberta_tokenizer(folder))
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, f"{family}ForSequenceClassification")(config)
        spread(model)
    data = {"classes": list(classes)}
    if identities:
        data["identity_classes"] = list(identities)
    arch = {
        "num_classes": outputs,
        "model_type": str(folder),
        "model_name": f"{family}ForSequenceClassification",
        "tokenizer_name": f"{family}Tokenizer",
    }
    content = {
        "config": {"arch": {"type": family, "args": arch}, "dataset": {"args": data}},
        "state_dict": model.state_dict(),
    }
    torch.save(content, folder / "toxic.ckpt")
    return folder / "toxic.ckpt"


def spread(model: Any) -> None:
    """Draw larger matrices: with the default ones every text would get almost the same score."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.normal_(0.0, 0.4)


def _write(
    kind: Any, config: Any, folder: Path, seed: int, tokenizer: dict[str, Any] | None
) -> Any:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
        spread(model)
    model.save_pretrained(folder)
    if tokenizer is not None:
        write_tokenizer(folder, **tokenizer)
    return model.eval()
