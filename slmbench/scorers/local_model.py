"""Load a Hugging Face model from a folder for scoring: safetensors only, every weight from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slmbench.errors import InputError, ModelError

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
#: Scorers that read the states of tokens and no pooler.
_OF_TOKENS = ("bertscore", "embedding_cosine")
#: Folders of the same model for other programs.
OTHER_RUNTIMES = frozenset({"onnx", "openvino"})
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


class LocalModel:
    """A model in evaluation mode with its tokenizer, how many tokens fit, and its files' hash."""

    def __init__(self, folder: str, scorer: str, kind: str, device: str = "cpu") -> None:
        """Load ``folder`` with the class ``kind`` of transformers, in float32.

        Raises:
            InputError: torch or transformers isn't installed.
            ModelError: the folder is missing, holds only pickles, or lacks a weight that counts.
        """
        try:
            import torch
            import transformers
        except ImportError as error:
            raise InputError(
                f"The scorer '{scorer}' needs torch and transformers. "
                "Run: pip install 'slmbench[hf]'"
            ) from error
        path = _checked(Path(folder), scorer)
        # Building a model draws random weights; the caller's random numbers must not depend on it.
        with torch.random.fork_rng(devices=[]), _quiet(transformers.utils.logging):
            model, report = _load(getattr(transformers, kind), path, scorer)
        _refuse_gaps(path, scorer, report)
        self.model = model.eval().to(device)
        self.tokenizer = _tokenizer(path, scorer, int(model.config.get_text_config().vocab_size))
        self.config = model.config
        self.max_length = positions(model.config, self.tokenizer)
        self.name = path.resolve().name
        self.digest = hash_folder(path)[:12]
        #: Texts, or pairs, so far that were longer than what fits.
        self.cut_count = 0

    def inputs(self, texts: list[str], pairs: list[str] | None = None, **more: Any) -> Any:
        """Return a padded batch of tokens; a longer text, or pair of texts, is cut to fit."""
        first = [encodable(text) for text in texts]
        second = None if pairs is None else [encodable(text) for text in pairs]
        kept = first if second is None else [self._cut(text) for text in first]
        others = None if second is None else [self._cut(text) for text in second]
        found = self.tokenizer(
            kept,
            others,
            return_tensors="pt",
            truncation="longest_first" if pairs is not None else True,
            max_length=self.max_length,
            padding=len(texts) > 1,
            **more,
        )
        whole = [
            (kept[i], others and others[i]) == (first[i], second and second[i])
            for i in range(len(first))
        ]
        cut = are_cut(found, self.max_length)
        self.cut_count += sum(a or not b for a, b in zip(cut, whole, strict=True))
        return found.to(self.model.device)

    def _cut(self, text: str) -> str:
        """Return as much of a text as would fit alone.

        To cut a pair, tokenizers lists every window of one text with every window of the other:
        two texts of 100,000 characters would take it minutes. Where both are too long, the odd
        place may go to the other one of them than it would without this.
        """
        if len(text) <= self.max_length or not self.tokenizer.is_fast:
            return text
        alone = self.tokenizer(
            text, truncation=True, max_length=self.max_length, return_offsets_mapping=True
        )
        return text[: max(end for _, end in alone["offset_mapping"])]

    def batches(self, lengths: Sequence[int], batch_size: int) -> list[list[int]]:
        """Return the places of texts in batches of like length, so that little is padding.

        A tokenizer without a padding token (a decoder's) gets its texts one by one.
        """
        step = batch_size if self.tokenizer.pad_token_id is not None else 1
        order = sorted(range(len(lengths)), key=lambda index: lengths[index])
        return [order[start : start + step] for start in range(0, len(order), step)]


def positions(config: Any, tokenizer: Any) -> int:
    """Return how many tokens fit; RoBERTa's kin start counting after the padding id."""
    fit = int(getattr(config, "max_position_embeddings", 512))
    if "roberta" in str(config.model_type) or config.model_type == "camembert":
        fit -= int(config.pad_token_id) + 1
    return min(fit, int(tokenizer.model_max_length))


def are_cut(encoded: Any, most: int) -> list[bool]:
    """Return whether each row of a tokenizer's batch lost tokens to its limit of ``most``.

    A tokenizer that isn't a fast one doesn't tell: there a row that is just full counts too.
    """
    if encoded.is_fast:
        return [bool(each.overflowing) for each in encoded.encodings]
    return [int(length) >= most for length in encoded["attention_mask"].sum(dim=-1).tolist()]


def encodable(text: str) -> str:
    """Replace lone surrogates, which tokenizers refuse, as UTF-8 would."""
    return text.encode("utf-8", "replace").decode("utf-8")


def first_line(error: BaseException) -> str:
    """Return the first line of an error as a sentence."""
    return f"{(str(error) or type(error).__name__).strip().splitlines()[0].rstrip('.')}."


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_folder(folder: Path) -> str:
    """Return the SHA-256 of the files that decide a score: weights, configs, vocabulary.

    Files are hashed rather than loaded tensors, because a checkpoint without an (unused) pooler
    gets a new random one at each load.
    """
    suffixes = {".safetensors", ".bin", ".json", ".txt", ".model"}
    if any(folder.rglob("*.safetensors")):
        suffixes.discard(".bin")  # a second copy of the weights, on some hosts only
    kept = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in suffixes
        and path.is_file()
        and not OTHER_RUNTIMES.intersection(path.relative_to(folder).parts)
    )
    digest = hashlib.sha256()
    for path in kept:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(hash_file(path)))
    return digest.hexdigest()


def _checked(folder: Path, scorer: str) -> Path:
    """Return the folder if it can hold a model that is safe to load."""
    if not folder.is_dir():
        raise ModelError(
            f"The scorer '{scorer}' needs a local model: '{folder}' isn't a folder. Name one that "
            "save_pretrained wrote."
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"'{folder}' has no config.json, so it is no transformers model.")
    if (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"'{folder}' is an adapter. Merge it into its model (merge_and_unload) and save that."
        )
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise ModelError(
            f"'{folder}' holds no tokenizer (looked for {', '.join(TOKENIZER_FILES)}). Save it "
            "there with tokenizer.save_pretrained(...)."
        )
    if not any(folder.glob("*.safetensors")):
        pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
        if pickles:
            raise ModelError(
                f"'{folder}' holds only pickled weights ({', '.join(pickles[:3])}), which can run "
                "code when loaded, so slmbench refuses them. Convert them: "
                "model.save_pretrained(FOLDER, safe_serialization=True)."
            )
        raise ModelError(f"'{folder}' has no weights (no *.safetensors). Copy the model again.")
    return folder


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Keep transformers' bars and load reports off the terminal; gaps become errors here."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _load(kind: Any, folder: Path, scorer: str) -> tuple[Any, dict[str, Any]]:
    """Return (model, transformers' report of what it found in the files)."""
    from safetensors import SafetensorError
    from torch import float32

    try:
        found: tuple[Any, dict[str, Any]] = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise ModelError(
            f"The model '{folder}' of the scorer '{scorer}' can't be loaded: {first_line(error)}"
        ) from error
    return found


def _refuse_gaps(folder: Path, scorer: str, report: dict[str, Any]) -> None:
    """Refuse weights that transformers filled with random numbers, as it does for a lost head."""
    missing = sorted(
        key
        for key in map(str, report["missing_keys"])
        # A pooler is not on the way to token embeddings; position ids are only counted.
        if not key.endswith("position_ids")
        and (scorer not in _OF_TOKENS or not key.startswith("pooler."))
    )
    if missing:
        raise ModelError(
            f"'{folder}' lacks {', '.join(missing[:4])}{' ...' if len(missing) > 4 else ''} "
            f"({len(missing)} in all), and random numbers would stand in for them. Give the scorer "
            f"'{scorer}' a whole checkpoint of its kind."
        )


def _tokenizer(folder: Path, scorer: str, vocabulary: int) -> Any:
    """Load the tokenizer of ``folder``; one with more tokens than the model has is refused."""
    import transformers

    try:
        found = transformers.AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise ModelError(
            f"The tokenizer in '{folder}' of the scorer '{scorer}' can't be loaded: "
            f"{first_line(error)}"
        ) from error
    if len(found) > vocabulary:
        raise ModelError(
            f"The tokenizer in '{folder}' has {len(found)} tokens and the model {vocabulary}: "
            "they don't belong together."
        )
    # A text's tokens must not stand at other positions for the sake of a longer one beside it.
    found.padding_side = "right"
    return found
