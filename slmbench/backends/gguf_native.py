"""Call llama.cpp's C functions as the gguf backend needs them: weights, vocabulary, context.

The high-level class of llama-cpp-python keeps the logits of one sequence. Here several sequences
share the cells of one cache, and only the logits that were asked for are computed.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slmbench.backends.token_draw import Numbers
from slmbench.errors import InputError, ModelError

try:
    import llama_cpp
except (OSError, RuntimeError) as error:  # its library does not fit this machine
    raise ImportError(f"llama_cpp can't be loaded: {error}") from error

#: ggml's numbers of the types that a key/value cache may have here.
KV_TYPES = {"float32": 0, "float16": 1}
#: The last complaints of llama.cpp: they go into an error's text, never to the terminal.
_said: deque[str] = deque(maxlen=8)
_ERROR_LEVEL = 4
_NO_FLASH = 0


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _listen(level: int, text: bytes, data: object) -> None:
    if level == _ERROR_LEVEL:
        _said.append(text.decode("utf-8", "replace").strip())


def _complaint() -> str:
    """Return what llama.cpp said last about what went wrong, and forget it."""
    words = [each.partition(": ")[2] or each for each in _said if each]
    _said.clear()
    return words[0] if words else "llama.cpp gives no reason"


class Weights:
    """A loaded GGUF model and its vocabulary.

    Args:
        path: of the file, or of the first shard.
        gpu_layers: layers put on a GPU; -1 is all.

    Raises:
        ModelError: llama.cpp refuses the file; the text has its reason.
    """

    def __init__(self, path: Path, gpu_layers: int) -> None:
        llama_cpp.llama_log_set(_listen, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        _said.clear()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self.model:
            raise ModelError(
                f"llama.cpp can't load '{path}': {_complaint()}. Convert the model again, or "
                "install a newer llama-cpp-python."
            )
        self.gpu_layers = gpu_layers
        self.vocab: Any = llama_cpp.llama_model_get_vocab(self.model)
        self.vocab_size = int(llama_cpp.llama_vocab_n_tokens(self.vocab))
        self.byte_count = int(llama_cpp.llama_model_size(self.model))
        self.parameter_count = int(llama_cpp.llama_model_n_params(self.model))
        self.trained_length = int(llama_cpp.llama_model_n_ctx_train(self.model))
        #: Tokens that a sliding window's layers look back; 0 where none do.
        self.window = int(llama_cpp.llama_model_n_swa(self.model))
        self.keeps_state = bool(llama_cpp.llama_model_is_recurrent(self.model)) or bool(
            llama_cpp.llama_model_is_hybrid(self.model)
        )
        self.bos = int(llama_cpp.llama_vocab_bos(self.vocab))
        self.eos = int(llama_cpp.llama_vocab_eos(self.vocab))
        self.is_read_both_ways = bool(llama_cpp.llama_model_has_encoder(self.model)) or bool(
            llama_cpp.llama_model_is_diffusion(self.model)
        )

    def encode(self, text: str, special: bool) -> list[int]:
        """Return token ids; ``special`` adds what the file says stands around a text."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        while True:
            ids = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), ids, room, special, True)
            if count >= 0:
                return list(ids[:count])
            room = -count

    def decode(self, tokens: Sequence[int], skip_special: bool) -> str:
        """Return the text of token ids.

        Raises:
            InputError: an id is not in the vocabulary.
        """
        self.check(tokens)
        if skip_special:
            tokens = [each for each in tokens if not self.is_control(each)]
        ids = (llama_cpp.llama_token * len(tokens))(*tokens)
        room = 16 * len(tokens) + 16
        while True:
            text = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_detokenize(
                self.vocab, ids, len(tokens), text, room, False, not skip_special
            )
            if count >= 0:
                return text.raw[:count].decode("utf-8", "replace")
            room = -count

    def check(self, tokens: Sequence[int]) -> None:
        """Raise InputError where an id is outside the vocabulary: llama.cpp would end the process.

        Args:
            tokens: ids.
        """
        if tokens and not (min(tokens) >= 0 and max(tokens) < self.vocab_size):
            raise InputError(f"A token id is outside the vocabulary of {self.vocab_size}.")

    def is_control(self, token: int) -> bool:
        """Say whether a token stands for no text, as BOS does."""
        return bool(llama_cpp.llama_vocab_is_control(self.vocab, token))

    def ends(self, token: int) -> bool:
        """Say whether a token ends a text, as the file says."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocab, token))

    def close(self) -> None:
        """Free the weights; a second time does nothing."""
        if self.model:
            llama_cpp.llama_model_free(self.model)
            self.model = None


@dataclass(frozen=True, slots=True)
class Step:
    """A token to read: its place in the text, its sequences, and are the logits after it wanted."""

    token: int
    place: int
    sequences: tuple[int, ...]
    is_asked: bool = False


class Session:
    """llama.cpp's context: a cache of ``cells`` tokens that ``sequences`` texts share.

    Raises:
        ModelError: there is no memory for so many cells.
    """

    def __init__(
        self, weights: Weights, cells: int, sequences: int, width: int, kv_type: str,
        threads: int | None,
    ) -> None:  # fmt: skip
        """Make the cache; ``width`` is the most tokens of one pass."""
        self.cells, self.sequences, self.width = cells, sequences, width
        self._vocab_size = weights.vocab_size
        params = llama_cpp.llama_context_default_params()
        params.n_ctx, params.n_seq_max = cells, sequences
        params.n_batch = params.n_ubatch = width
        params.type_k = params.type_v = KV_TYPES[kv_type]
        params.kv_unified = params.swa_full = True
        params.offload_kqv = params.no_perf = True
        if not weights.gpu_layers:
            # On a CPU it rounds in float16 by the shape of a pass: scores of a float32 file moved
            # by 0.004, those of a quantized one by 0.3, with what else was in the batch.
            params.flash_attn_type = _NO_FLASH
        if threads is not None:
            params.n_threads = params.n_threads_batch = threads
        _said.clear()
        self._context: Any = llama_cpp.llama_init_from_model(weights.model, params)
        if not self._context:
            raise ModelError(
                f"llama.cpp has no room for a context of {cells} tokens: {_complaint()}. Give a "
                "smaller max_length= or batch_size=."
            )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch = llama_cpp.llama_batch_init(width, 0, sequences)

    def read(self, steps: Sequence[Step]) -> Iterator[tuple[list[int], Numbers]]:
        """Read tokens in passes of ``width``.

        Yields:
            The numbers of the steps of a pass whose logits are asked for, and these: rows x
            vocabulary, float32, good until the next pass.

        Raises:
            ModelError: llama.cpp can't; the text has its reason.
        """
        for start in range(0, len(steps), self.width):
            part = steps[start : start + self.width]
            asked = [start + i for i, step in enumerate(part) if step.is_asked]
            self._fill(part)
            _said.clear()
            status = llama_cpp.llama_decode(self._context, self._batch)
            if status:
                raise ModelError(f"llama.cpp stopped with status {status}: {_complaint()}.")
            if asked:
                found = llama_cpp.llama_get_logits(self._context)
                yield asked, np.ctypeslib.as_array(found, shape=(len(asked), self._vocab_size))

    def _fill(self, steps: Sequence[Step]) -> None:
        batch = self._batch
        batch.n_tokens = len(steps)
        for i, step in enumerate(steps):
            batch.token[i] = step.token
            batch.pos[i] = step.place
            batch.n_seq_id[i] = len(step.sequences)
            for j, sequence in enumerate(step.sequences):
                batch.seq_id[i][j] = sequence
            batch.logits[i] = step.is_asked

    def state_bytes(self, sequence: int) -> int:
        """Return the bytes that saving a sequence would take: its cache, and what describes it."""
        return int(llama_cpp.llama_state_seq_get_size(self._context, sequence))

    def share(self, source: int, target: int) -> None:
        """Let a sequence begin with all that another one holds; nothing is computed."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def cut(self, sequence: int, length: int = 0) -> None:
        """Keep the first tokens of a sequence only."""
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, length or -1, -1)

    def clear(self) -> None:
        """Forget all sequences."""
        llama_cpp.llama_memory_clear(self._memory, False)

    def close(self) -> None:
        """Free the cache; a second time does nothing."""
        if self._context:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._context)
            self._context = None
