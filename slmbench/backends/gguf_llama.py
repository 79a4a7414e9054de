"""Run a GGUF model in this process, by llama.cpp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llama_cpp
import psutil

from slmbench.backends import gguf_memory, gguf_shape
from slmbench.backends.chat_template import lay_out
from slmbench.backends.gguf_header import GgufHeader, read_header
from slmbench.backends.gguf_memory import exact
from slmbench.backends.gguf_native import Session, Weights
from slmbench.backends.gguf_scoring import score
from slmbench.backends.gguf_writing import Vocabulary, write
from slmbench.errors import InputError, ModelError
from slmbench.ports import BackendInfo, Generation, Sampling, Tokens
from slmbench.schema.base import Measured, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.units import clock

_SIDE_BY_SIDE = 8
_PASS_TOKENS = 512
#: Cells come in such steps, so that a slightly longer text makes no new cache.
_CELL_STEP = 256
_DEVICES = ("auto", "cpu", "cuda", "mps")


class Gguf:
    """A GGUF file and the tokenizer in it, behind the Backend port.

    The cache is made for what is asked, and made anew when more is asked; it is not as long as the
    model's whole context unless a text is. A float32 file has a float32 cache, any other a float16
    one, as llama.cpp's own programs have.

    Raises:
        ModelError: the file can't be loaded as asked; the text says what to change.
    """

    def __init__(self, spec: ModelSpec, source: str) -> None:
        """Load the file ``source`` the way ``spec`` says."""
        start = clock()
        path = Path(source).expanduser()
        self._spec = spec
        self._baseline_bytes = int(psutil.Process().memory_info().rss)
        self._header = read_header(path)
        _check(self._header, spec)
        self._kv_type = gguf_shape.cache_dtype(self._header, spec.kv_dtype)
        self._gpu_layers = _gpu_layers(spec)
        self._weights = Weights(path, self._gpu_layers)
        self._session: Session | None = None
        try:
            self.info = self._described(start)
        except ModelError:
            self._weights.close()
            raise
        self.batch_size = spec.batch_size or _SIDE_BY_SIDE
        self._beginning = self.decode([self.info.prefix_token_id], skip_special_tokens=False)

    def encode(self, text: str, add_special_tokens: bool | None = None) -> list[int]:
        """Return token ids; None leaves special tokens to the file and the spec."""
        special = self._spec.add_bos_token if add_special_tokens is None else add_special_tokens
        # A text that already starts with BOS must not get a second one (as in lm-eval).
        if add_special_tokens is None and self._beginning and text.startswith(self._beginning):
            special = False
        return self._weights.encode(text, special is not False)

    def decode(self, tokens: Tokens, skip_special_tokens: bool = True) -> str:
        """Return the text of token ids."""
        return self._weights.decode(tokens, skip_special_tokens)

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score (context, continuation) pairs; see `slmbench.backends.gguf_scoring.score`."""
        for context, answer in pairs:
            self._weights.check(context)
            self._weights.check(answer)
        width, shares = self._width(), not self._weights.keeps_state
        return score(pairs, self.info.max_length, width, shares, self._opened)

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Continue prompts; see `slmbench.backends.gguf_writing.write`."""
        room = self.info.max_length - how.max_new_tokens
        if room < 1:
            raise InputError(
                f"{how.max_new_tokens} new tokens leave no room for a prompt in a context of "
                f"{self.info.max_length} tokens. Ask for fewer."
            )
        cut = [list(prompt)[-room:] for prompt in prompts]
        if not all(cut):
            raise InputError("A prompt to continue must hold at least one token.")
        for prompt in cut:
            self._weights.check(prompt)
        most = int(llama_cpp.llama_max_parallel_sequences()) - 1
        rows = min(self.batch_size, most)
        return write(cut, how, k, rows, self._opened, Vocabulary(self._weights.ends, self.decode))

    def static_memory(self) -> dict[str, Measurement]:
        """Return weight bytes as llama.cpp counts them, file bytes, and cache bytes of a token."""
        files = sum(path.stat().st_size for path in self._header.files)
        return {
            "weight_bytes": exact(self._weights.byte_count, "llama.cpp's sum over all tensors"),
            "file_bytes": exact(files, "the GGUF file, or all its shards"),
            "kv_bytes_per_token": gguf_memory.bytes_per_token(self._filler()),
        }

    def configuration(self) -> dict[str, Any]:
        """Return the file's sizes as a ``config.json`` has them; see `gguf_shape`."""
        return gguf_shape.configuration(self._header)

    def element_bytes(self) -> int:
        """Return the bytes of one number of the cache."""
        return gguf_shape.CACHE_BYTES[self._kv_type]

    def cache_growth(self, contexts: Sequence[int]) -> dict[int, Measurement]:
        """Return the bytes that llama.cpp keeps at some lengths; see `gguf_memory`."""
        return gguf_memory.cache_growth(self._filler(), contexts)

    def baseline_bytes(self) -> Measurement:
        """Return what this process held with its libraries loaded, before any weights."""
        source = "resident with libraries loaded, before the file was opened"
        return Measured(
            value=float(self._baseline_bytes), unit="bytes", n=1, interval=None, how="counter",
            source=source,
        )  # fmt: skip

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return the prompt text of a conversation, by the file's own template.

        Raises:
            InputError: the file has no chat template, or it refuses the conversation.
        """
        if not self._header.chat_template:
            raise InputError(
                f"'{self._spec.label}' has no chat template. Leave --apply-chat-template out."
            )
        ends = {"bos_token": self.info.prefix_token_id, "eos_token": self.info.eot_token_id}
        special = {name: self.decode([token], False) for name, token in ends.items()}
        return lay_out(self._header.chat_template, messages, add_prompt, special)

    def notes(self) -> tuple[str, ...]:
        """Return the version, what the numbers are kept in, and what is shared."""
        layers = "all" if self._gpu_layers < 0 else str(self._gpu_layers)
        place = "on the CPU" if self._gpu_layers == 0 else f"{layers} layers on a GPU"
        shared = (
            "each text is read alone: the architecture keeps a state, not a cache of tokens"
            if self._weights.keeps_state
            else "a shared prefix is read once"
        )
        return (
            f"llama.cpp of llama-cpp-python {version('llama-cpp-python')}, {place}",
            f"{self.info.dtype} weights, {self._kv_type} key/value cache"
            + ("" if self._gpu_layers else ", flash attention off"),
            shared,
        )

    def close(self) -> None:
        """Free the cache and the weights."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._weights.close()

    def _described(self, start: float) -> BackendInfo:
        weights = self._weights
        if weights.is_read_both_ways:
            raise ModelError(
                f"'{self._spec.target}' is no model that continues a text token by token, and only "
                "those run here. Run it with hf:FOLDER."
            )
        end = weights.eos
        if end < 0:
            raise ModelError(
                f"The tokenizer in '{self._spec.target}' names no end of a text. Set "
                "tokenizer.ggml.eos_token_id in the file."
            )
        return BackendInfo(
            architecture=self._header.architecture,
            dtype=self._header.file_type,
            device="cpu" if self._gpu_layers == 0 else "gpu",
            parameter_count=weights.parameter_count,
            max_length=self._spec.max_length or weights.trained_length,
            vocab_size=weights.vocab_size,
            eot_token_id=end,
            prefix_token_id=weights.bos if weights.bos >= 0 else end,
            load_s=clock() - start,
        )

    def _width(self) -> int:
        return self._spec.token_budget or _PASS_TOKENS

    def _opened(self, cells: int, sequences: int) -> Session:
        """Return a session with at least so many cells and sequences."""
        cells = math.ceil(cells / _CELL_STEP) * _CELL_STEP
        now = self._session
        if now is None or now.cells < cells or now.sequences < sequences:
            if now is not None:
                now.close()
                self._session = None
                cells, sequences = max(cells, now.cells), max(sequences, now.sequences)
            self._session = Session(
                self._weights, cells, sequences, self._width(), self._kv_type, self._spec.threads
            )
        assert self._session is not None
        return self._session

    def _filler(self) -> gguf_memory.Filler:
        """Return what fills caches of its own, so that what is measured disturbs no other."""

        def open_one(tokens: int, kv_type: str) -> Session:
            cells = math.ceil(tokens / _CELL_STEP) * _CELL_STEP
            width, threads = self._width(), self._spec.threads
            return Session(self._weights, cells, 1, width, kv_type, threads)

        kept, window = self._weights.keeps_state, self._weights.window
        return gguf_memory.Filler(
            open_one, self._kv_type, self.info.prefix_token_id, kept, window or None
        )


def _check(header: GgufHeader, spec: ModelSpec) -> None:
    if header.of_architecture("attention.causal") is False:
        raise ModelError(
            f"'{spec.target}' holds an encoder ({header.architecture}), not a language model."
        )
    if spec.device not in _DEVICES:
        raise ModelError(f"Unknown device '{spec.device}'. Known: {', '.join(_DEVICES)}.")


def _gpu_layers(spec: ModelSpec) -> int:
    """Return the layers to put on a GPU; -1 is all.

    Raises:
        ModelError: a GPU is asked for, and llama.cpp was built without one.
    """
    can = bool(llama_cpp.llama_supports_gpu_offload())
    wanted = spec.gpu_layers
    if wanted is None:
        wanted = 0 if spec.device == "cpu" or (spec.device == "auto" and not can) else -1
    if wanted and not can:
        raise ModelError(
            f"'{spec.target}': layers on a GPU are asked for, and llama-cpp-python was built for "
            "CPUs. Build it with CMAKE_ARGS=-DGGML_CUDA=on, or leave gpu_layers and device out."
        )
    return wanted
