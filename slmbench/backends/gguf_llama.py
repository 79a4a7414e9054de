"""Run a GGUF model in this process, by llama.cpp."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import llama_cpp

from slmbench.backends.chat_template import lay_out
from slmbench.backends.gguf_header import GgufHeader, read_header
from slmbench.backends.gguf_native import KV_TYPES, Session, Weights
from slmbench.backends.gguf_scoring import score
from slmbench.backends.gguf_writing import Vocabulary, write
from slmbench.errors import InputError, ModelError
from slmbench.ports import BackendInfo, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Interval, Measured, Measurement
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
        self._header = read_header(path)
        _check(self._header, spec)
        self._kv_type = spec.kv_dtype or (
            "float32" if self._header.file_type == "F32" else "float16"
        )
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
            "weight_bytes": _exact(self._weights.byte_count, "llama.cpp's sum over all tensors"),
            "file_bytes": _exact(files, "the GGUF file, or all its shards"),
            "kv_bytes_per_token": self._cache_bytes_per_token(),
        }

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

    def _cache_bytes_per_token(self) -> Measurement:
        header = self._header
        if self._weights.keeps_state or header.of_architecture("attention.kv_lora_rank"):
            return Absent(reason=f"{header.architecture} keeps no plain key/value cache")
        heads = header.of_architecture("attention.head_count_kv")
        every = header.of_architecture("attention.head_count")
        layers = header.of_architecture("block_count")
        embedding = header.of_architecture("embedding_length")
        if heads is None:
            heads = every
        if not isinstance(layers, int) or heads is None or not isinstance(embedding, int):
            return Absent(reason="the file does not tell the shape of its key/value cache")
        total_heads = sum(heads) if isinstance(heads, list) else heads * layers
        plain = embedding // (max(every) if isinstance(every, list) else every)
        width = sum(
            header.of_architecture(f"attention.{part}_length") or plain for part in ("key", "value")
        )
        size = total_heads * width * KV_TYPES[self._kv_type][1]
        return _exact(size, f"layers, heads and widths of the file, in {self._kv_type}")


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


def _exact(count: int, source: str) -> Measured:
    value = float(count)
    interval = Interval(low=value, high=value, method="exact count")
    return Measured(value=value, unit="bytes", n=1, interval=interval, how="counted", source=source)
