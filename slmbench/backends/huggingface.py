"""Run any transformers causal language model in this process."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
import transformers
from safetensors import SafetensorError

from slmbench.backends import hf_distributions, hf_memory, hf_quantization
from slmbench.backends.hf_memory import exact
from slmbench.engine.engine import Engine
from slmbench.errors import InputError, ModelError
from slmbench.ports import BackendInfo, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Measured, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.units import clock

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_MAX_LENGTH_NAMES = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
_DEFAULT_MAX_LENGTH = 2048
_LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, SafetensorError, ImportError)


class HuggingFace:
    """A transformers model and its tokenizer, behind the Backend port.

    Only safetensors are read, and no code of the checkpoint runs unless the spec says so.

    Raises:
        ModelError: the model can't be loaded as asked; the text says what to change.
    """

    def __init__(self, spec: ModelSpec, source: str) -> None:
        """Load ``source`` (a folder or hub id) the way ``spec`` says."""
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        start = clock()
        self._spec = spec
        self._source = source
        self._device = _device(spec.device)
        self.tokenizer = self._load(transformers.AutoTokenizer, "tokenizer")
        self._baseline_bytes = int(psutil.Process().memory_info().rss)
        self._model = self._load_model()
        if spec.device_map is not None:
            self._device = self._model.device
        self.info = BackendInfo(
            architecture=type(self._model).__name__,
            dtype=str(self._model.dtype).removeprefix("torch."),
            device=str(self._device),
            parameter_count=hf_quantization.parameter_count(self._model),
            max_length=spec.max_length or self._max_length(),
            vocab_size=int(self._text_config().vocab_size),
            eot_token_id=self._special_token("eos_token_id"),
            prefix_token_id=self._special_token("bos_token_id", "eos_token_id"),
            load_s=clock() - start,
            is_encoder_decoder=bool(getattr(self._model.config, "is_encoder_decoder", False)),
        )
        self._engine = Engine(
            self._model, self.info.max_length, self.decode, spec.token_budget, spec.batch_size
        )
        self.batch_size = self._engine.rows

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return token ids; None leaves special tokens to the tokenizer and the spec."""
        chosen = self._spec.add_bos_token if add_special_tokens is None else add_special_tokens
        settings = {} if chosen is None else {"add_special_tokens": chosen}
        # A text that already starts with BOS must not get a second one (as in lm-eval).
        if add_special_tokens is None and text.startswith(
            self.decode([self.info.prefix_token_id], False)
        ):
            settings["add_special_tokens"] = False
        return list(self.tokenizer.encode(text, **settings))

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the text of token ids."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=skip_special_tokens))

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score (context, continuation) pairs; see `slmbench.engine.scoring.Scoring.score`."""
        return self._engine.score(pairs)

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Continue prompts; see `slmbench.engine.generation.Generator.run`."""
        # An encoder reads the prompt, so what is written takes no room from it.
        written = 0 if self.info.is_encoder_decoder else how.max_new_tokens
        room = self.info.max_length - written
        if room < 1:
            raise InputError(
                f"{how.max_new_tokens} new tokens leave no room for a prompt in a context of "
                f"{self.info.max_length} tokens. Ask for fewer."
            )
        cut = [list(prompt)[-room:] for prompt in prompts]
        return self._engine.generate(cut, how, k)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of a record should know of how answers were computed."""
        return self._engine.notes()

    def static_memory(self) -> dict[str, Measurement]:
        """Return weight bytes as loaded, file bytes, and key/value-cache bytes of one token."""
        weights = sum(tensor.nbytes for tensor in hf_quantization.stored_tensors(self._model))
        folder = Path(self._source)
        files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
        return {
            "weight_bytes": exact(weights, "counted over the loaded tensors, buffers included"),
            "file_bytes": exact(sum(f.stat().st_size for f in files), "safetensors files")
            if files
            else Absent(reason="the files lie in the hub cache, not in a folder of their own"),
            "kv_bytes_per_token": hf_memory.bytes_per_token(self._model, self.info.prefix_token_id),
        }

    def configuration(self) -> dict[str, Any]:
        """Return the model's ``config.json`` as it was loaded."""
        return dict(self._model.config.to_dict())

    def element_bytes(self) -> int:
        """Return the bytes of one number of the cache."""
        return int(self._model.dtype.itemsize)

    def cache_growth(self, contexts: Sequence[int]) -> dict[int, Measurement]:
        """Return the bytes of the model's own cache at some lengths; see `hf_memory`."""
        return hf_memory.cache_growth(self._model, self.info.prefix_token_id, contexts)

    def vocabulary_hash(self) -> str:
        """Return a hash of every token and its number."""
        return hf_distributions.vocabulary_hash(self.tokenizer)

    def next_token_logprobs(
        self, rows: Sequence[Tokens], positions: int
    ) -> Iterator[tuple[int, int, Any]]:
        """Yield the distribution after every token of every row; see `ports.DistributionSource`."""
        cached = self._engine.ability.prefix
        return hf_distributions.next_token_logprobs(self._model, rows, positions, cached)

    def baseline_bytes(self) -> Measurement:
        """Return what this process held with its libraries and tokenizer, before any weights."""
        source = "resident with libraries and tokenizer loaded, before any weights"
        return Measured(
            value=float(self._baseline_bytes), unit="bytes", n=1, interval=None, how="counter",
            source=source,
        )  # fmt: skip

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return the prompt text of a conversation.

        Raises:
            InputError: the tokenizer has no chat template.
        """
        if not self.tokenizer.chat_template:
            raise InputError(
                f"'{self._spec.label}' has no chat template. Leave --apply-chat-template out."
            )
        return str(
            self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=add_prompt,
                continue_final_message=not add_prompt,
            )
        )  # fmt: skip

    def close(self) -> None:
        """Free the weights."""
        del self._engine, self._model
        gc.collect()

    def _load(self, kind: Any, what: str, **settings: Any) -> Any:
        try:
            return kind.from_pretrained(
                self._source,
                revision=self._spec.revision,
                trust_remote_code=self._spec.trust_remote_code,
                **settings,
            )
        except _LOAD_ERRORS as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise ModelError(
                f"The {what} of '{self._spec.target}' can't be loaded: {reason}"
            ) from error

    def _load_model(self) -> Any:
        spec = self._spec
        if spec.dtype not in ("auto", *_DTYPES):
            raise ModelError(f"Unknown dtype '{spec.dtype}'. Known: auto, {', '.join(_DTYPES)}.")
        dtype: Any = _DTYPES.get(spec.dtype, "auto")
        config = self._load(transformers.AutoConfig, "configuration")
        settings = hf_quantization.load_settings(spec, config, self._device)
        is_packed = hf_quantization.checkpoint_method(config) is not None
        if settings and self._halves_on_cpu(config):
            dtype = torch.float32
        kind = (
            transformers.AutoModelForSeq2SeqLM
            if getattr(config, "is_encoder_decoder", False)
            else transformers.AutoModelForCausalLM
        )
        model, report = self._load(
            kind, "model", dtype=dtype, use_safetensors=True, output_loading_info=True, **settings
        )
        missing = sorted(report["missing_keys"])
        if missing:
            # transformers fills these with random numbers and only prints a report.
            raise ModelError(
                f"'{spec.target}' lacks {len(missing)} tensors ({', '.join(missing[:3])}, ...): "
                "they would be random. Name a complete checkpoint of a language model."
            )
        if any(parameter.is_meta for parameter in model.parameters()):
            raise ModelError(
                f"'{spec.target}' doesn't fit with device_map={spec.device_map}: a part of it was "
                "left on disk or on the host. Take a smaller model, or quantize it."
            )
        if is_packed or settings:
            return model.eval() if "device_map" in settings else model.to(self._device).eval()
        if self._halves_on_cpu(model):
            # A CPU has no fast float16 arithmetic: the checkpoint's numbers, computed in float32.
            model = model.float()
        return model.to(self._device).eval()

    def _halves_on_cpu(self, owner: Any) -> bool:
        """Say whether a model, or the one of a configuration, is float16 on a CPU unasked."""
        on_cpu = self._device.type == "cpu"
        return self._spec.dtype == "auto" and on_cpu and owner.dtype == torch.float16

    def _text_config(self) -> Any:
        return self._model.config.get_text_config()

    def _max_length(self) -> int:
        for name in _MAX_LENGTH_NAMES:
            value = getattr(self._text_config(), name, None)
            if isinstance(value, int) and value > 0:
                return value
        promised = getattr(self.tokenizer, "model_max_length", None)
        return promised if promised and promised < 10**9 else _DEFAULT_MAX_LENGTH

    def _special_token(self, *names: str) -> int:
        for name in names:
            for owner in (self.tokenizer, self._text_config()):
                value = getattr(owner, name, None)
                if isinstance(value, int):
                    return value
        raise ModelError(
            f"The tokenizer of '{self._spec.target}' names no {names[-1].removesuffix('_id')}. "
            "Set it in tokenizer_config.json."
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"No device '{name}' on this host. Known: auto, cpu, cuda, mps."
        ) from error
    return device
