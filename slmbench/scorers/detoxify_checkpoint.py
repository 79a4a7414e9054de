"""Read a Detoxify checkpoint from disk, without running its pickle and without a network."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmbench.errors import ModelError
from slmbench.scorers.local_model import TOKENIZER_FILES, first_line, hash_file

# The names Detoxify itself gives to the classes of the first Jigsaw challenge.
_RENAMED = {
    "toxic": "toxicity",
    "identity_hate": "identity_attack",
    "severe_toxic": "severe_toxicity",
}


@dataclass(frozen=True)
class _Checkpoint:
    """What a Detoxify file says about itself, and its weights."""

    path: Path
    sha256: str
    model_name: str
    tokenizer_name: str
    num_classes: int
    classes: tuple[str, ...]
    state_dict: dict[str, Any]


@dataclass(frozen=True)
class LoadedDetoxify:
    """A classifier in evaluation mode, the names of its outputs, and its file's SHA-256."""

    model: Any
    tokenizer: Any
    classes: tuple[str, ...]
    sha256: str


def load_detoxify(checkpoint: str, config_dir: str) -> LoadedDetoxify:
    """Return the classifier of a ``.ckpt`` file, every weight of it from that file.

    Raises:
        ModelError: the file is missing, damaged, unsafe or incomplete, or doesn't fit the folder.
    """
    found = _read_checkpoint(Path(checkpoint))
    folder = Path(config_dir)
    tokenizer = _load_tokenizer(found, folder)
    model = _load_model(found, folder, len(tokenizer))
    return LoadedDetoxify(model, tokenizer, found.classes, found.sha256)


def _read_checkpoint(path: Path) -> _Checkpoint:
    """Read a Detoxify file without letting its pickle run code."""
    import torch

    if not path.is_file():
        raise ModelError(f"The Detoxify checkpoint '{path}' isn't a file. Check the path.")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"'{path}' holds more than tensors and plain data, and unpickling that could run any "
            "code, so it isn't loaded. If you trust its source, re-save it once: "
            "c = torch.load(FILE, weights_only=False); torch.save({'config': c['config'], "
            "'state_dict': c['state_dict']}, NEW_FILE)."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"'{path}' is not a whole torch file: {first_line(error)} Copy it again."
        ) from error
    try:
        config, state_dict = loaded["config"], loaded["state_dict"]
        arch, data = config["arch"]["args"], config["dataset"]["args"]
        classes = tuple(_RENAMED.get(name, name) for name in data["classes"])
        model_name, tokenizer_name = arch["model_name"], arch["tokenizer_name"]
        num_classes = int(arch["num_classes"])
        identities = len(data.get("identity_classes", ()))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelError(
            f"'{path}' isn't a Detoxify checkpoint: it lacks {error}. Give a .ckpt file with "
            "'config' (arch.args, dataset.args.classes) and 'state_dict'."
        ) from error
    # The unbiased models also predict identities, after the toxicity classes.
    if num_classes not in (len(classes), len(classes) + identities):
        raise ModelError(
            f"'{path}' names {len(classes)} classes for {num_classes} outputs, so its scores "
            "can't be told apart. Use an undamaged checkpoint."
        )
    if "toxicity" not in classes:
        raise ModelError(f"'{path}' has no class 'toxicity', only {', '.join(classes)}.")
    return _Checkpoint(
        path, hash_file(path), model_name, tokenizer_name, num_classes, classes, state_dict
    )


def _load_tokenizer(found: _Checkpoint, folder: Path) -> Any:
    """Load the tokenizer of ``folder``; transformers would make an empty one without its files."""
    import transformers

    kind: Any = getattr(transformers, str(found.tokenizer_name), None)
    if not _is_a(kind, transformers.PreTrainedTokenizerBase):
        raise ModelError(
            f"'{found.path}' asks for the tokenizer '{found.tokenizer_name}', which transformers "
            f"{transformers.__version__} doesn't have."
        )
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise ModelError(
            f"'{folder}' holds no tokenizer (looked for {', '.join(TOKENIZER_FILES)}). Set "
            "scorers.detoxify_config to a folder with the encoder's config.json and tokenizer."
        )
    try:
        return kind.from_pretrained(folder, local_files_only=True, padding_side="right")
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise ModelError(
            f"The tokenizer in '{folder}' can't be loaded as {found.tokenizer_name}: "
            f"{first_line(error)}"
        ) from error


def _load_model(found: _Checkpoint, folder: Path, vocabulary: int) -> Any:
    """Build the classifier of ``folder`` and put every one of its weights in from the file."""
    import torch
    import transformers

    kind: Any = getattr(transformers, str(found.model_name), None)
    if not _is_a(kind, transformers.PreTrainedModel) or not str(found.model_name).endswith(
        "ForSequenceClassification"
    ):
        raise ModelError(
            f"'{found.path}' asks for the model '{found.model_name}', which isn't a sequence "
            f"classifier of transformers {transformers.__version__}."
        )
    _check_config(found, folder, str(kind.config_class.model_type))
    config = kind.config_class.from_pretrained(
        folder, num_labels=found.num_classes, local_files_only=True
    )
    if not config.vocab_size / 2 <= vocabulary <= config.vocab_size:
        raise ModelError(
            f"The tokenizer in '{folder}' has {vocabulary} tokens and the model "
            f"{config.vocab_size}: they don't belong together."
        )
    # Building a model draws random weights; the caller's random numbers must not depend on it.
    with torch.random.fork_rng(devices=[]):
        model = kind(config)
    try:
        result = model.load_state_dict(found.state_dict, strict=False)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(
            f"'{found.path}' doesn't fit the config in '{folder}': "
            f"{' '.join(str(error).split())[:300]}"
        ) from error
    missing = [key for key in result.missing_keys if not key.endswith("position_ids")]
    extra = [
        key
        for key in result.unexpected_keys
        # Old files keep position ids and an encoder's pooler that the classifier never reads.
        if not key.endswith("position_ids") and ".pooler." not in key
    ]
    for keys, fault in ((missing, "lacks"), (extra, "has weights with no place for")):
        if keys:
            raise ModelError(
                f"'{found.path}' {fault} {', '.join(keys[:4])}{' ...' if len(keys) > 4 else ''} "
                f"({len(keys)} in all). Give the whole checkpoint and its own encoder's config."
            )
    return model.eval()


def _is_a(kind: object, base: type) -> bool:
    """Say whether a name out of a file led to a class of the right sort, not to any function."""
    return isinstance(kind, type) and issubclass(kind, base)


def _check_config(found: _Checkpoint, folder: Path, model_type: str) -> None:
    """Refuse a config.json of another architecture or another number of labels."""
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        declared = raw.get("model_type", model_type)
        labels = len(raw["id2label"]) if "id2label" in raw else raw.get("num_labels")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(
            f"'{folder}' has no readable config.json: {first_line(error)} Set "
            "scorers.detoxify_config to the folder with the encoder's config and tokenizer."
        ) from error
    if declared != model_type:
        raise ModelError(
            f"'{folder}' configures a {declared} model, '{found.path}' is a {model_type} one."
        )
    if labels not in (None, found.num_classes):
        raise ModelError(
            f"'{folder}' configures {labels} labels, '{found.path}' has {found.num_classes}."
        )
