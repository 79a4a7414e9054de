"""Run a transformers checkpoint in this process, by vLLM.

Written from vLLM's documentation: it needs a GPU or a build of its own, so most machines that test
this project do not have it. What it asks and reads is in `slmbench.backends.vllm_words`.
"""

from __future__ import annotations

import gc
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slmbench.backends.vllm_words import Growing, asked, generating, row, scored, scoring
from slmbench.errors import InputError, ModelError
from slmbench.ports import BackendInfo, Generation, Sampling, Tokens
from slmbench.schema.base import Absent, Interval, Measured, Measurement
from slmbench.schema.model_spec import ModelSpec
from slmbench.units import clock

#: Read by vLLM when it is imported: no statistics leave the machine, and its log goes nowhere.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
#: Options of other backends -> their defaults; vLLM decides these by itself.
_UNKNOWN = {"device": "auto", "threads": None, "device_map": None, "quantization": None}
_LOAD_ERRORS = (OSError, ValueError, KeyError, RuntimeError, AssertionError)


class Vllm:
    """A model under vLLM's scheduler, behind the Backend port.

    ``batch_size`` is the most sequences that vLLM runs side by side. It reserves most of a GPU's
    memory when it starts, so a peak of memory says what it reserved, not what the model needs.

    Raises:
        InputError: vLLM is not installed.
        ModelError: the model can't be loaded as asked; the text says what to change.
    """

    def __init__(self, spec: ModelSpec, source: str) -> None:
        """Load ``source`` (a folder or hub id) the way ``spec`` says."""
        for name, default in _UNKNOWN.items():
            if getattr(spec, name) != default:
                raise ModelError(f"vLLM decides '{name}' by itself: leave it out.")
        start = clock()
        self._vllm = _vllm()
        self._spec, self._source = spec, source
        self._llm = self._load()
        self.tokenizer = self._llm.get_tokenizer()
        config = self._llm.llm_engine.model_config
        self.batch_size = spec.batch_size or 256
        self._asked = 0
        end = self.tokenizer.eos_token_id
        if not isinstance(end, int):
            raise ModelError(f"The tokenizer of '{spec.target}' names no eos_token_id.")
        begin = self.tokenizer.bos_token_id
        self.info = BackendInfo(
            architecture=(getattr(config.hf_config, "architectures", None) or ["unknown"])[0],
            dtype=str(config.dtype).removeprefix("torch."),
            device="vllm",
            parameter_count=None,
            max_length=int(config.max_model_len),
            vocab_size=int(config.get_vocab_size()),
            eot_token_id=end,
            prefix_token_id=begin if isinstance(begin, int) else end,
            load_s=clock() - start,
        )

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
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=skip_special_tokens))

    def loglikelihood(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[tuple[float, bool]]:
        """Score (context, continuation) pairs by the log-probabilities of a prompt.

        Raises:
            InputError: a part is empty, or an answer does not fit.
            UnsupportedByServer: vLLM gives no log-probability of a token.
        """
        if not pairs:
            return []
        rows = [row(pair, self.info.max_length) for pair in pairs]
        how = self._vllm.SamplingParams(**scoring())
        found = self._llm.generate([asked(each) for each in rows], how, use_tqdm=False)
        return [
            scored(tokens, len(answer), output.prompt_logprobs)
            for tokens, (_, answer), output in zip(rows, pairs, found, strict=True)
        ]

    def generate(self, prompts: Sequence[Tokens], how: Sampling, k: int) -> list[list[Generation]]:
        """Return k continuations of each prompt; a token's time is that of the engine's step.

        Raises:
            InputError: the new tokens leave no room for a prompt.
        """
        room = self.info.max_length - how.max_new_tokens
        if room < 1:
            raise InputError(
                f"{how.max_new_tokens} new tokens leave no room for a prompt in a context of "
                f"{self.info.max_length} tokens. Ask for fewer."
            )
        start, engine = clock(), self._llm.llm_engine
        rows = [[Growing() for _ in range(k)] for _ in prompts]
        waiting: dict[str, Growing] = {}
        for prompt, texts in zip(prompts, rows, strict=True):
            cut = list(prompt)[-room:]
            for copy, text in enumerate(texts):
                self._asked += 1
                waiting[f"slmbench-{self._asked}"] = text
                settings = self._vllm.SamplingParams(**generating(how, prompt, copy))
                engine.add_request(f"slmbench-{self._asked}", asked(cut), settings)
        while engine.has_unfinished_requests():
            for output in engine.step():
                waiting[output.request_id].take(output.outputs[0], clock() - start)
        return [[text.finished(how.stop) for text in texts] for texts in rows]

    def static_memory(self) -> dict[str, Measurement]:
        """Return file bytes; vLLM tells neither the weights' nor the cache's bytes of a token."""
        folder = Path(self._source)
        files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
        size = float(sum(file.stat().st_size for file in files))
        silent = Absent(reason="vLLM does not tell how it lays out weights and cache")
        return {
            "weight_bytes": silent,
            "file_bytes": Measured(
                value=size, unit="bytes", n=1, how="counted", source="safetensors files",
                interval=Interval(low=size, high=size, method="exact count"),
            )
            if files
            else Absent(reason="the files lie in the hub cache, not in a folder of their own"),
            "kv_bytes_per_token": silent,
        }  # fmt: skip

    def apply_chat_template(self, messages: list[dict[str, str]], add_prompt: bool) -> str:
        """Return the prompt text of a conversation.

        Raises:
            InputError: the tokenizer has no chat template.
        """
        if not getattr(self.tokenizer, "chat_template", None):
            raise InputError(
                f"'{self._spec.label}' has no chat template. Leave --apply-chat-template out."
            )
        return str(
            self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=add_prompt,
                continue_final_message=not add_prompt,
            )
        )  # fmt: skip

    def notes(self) -> tuple[str, ...]:
        """Return the version and what its scheduler means for the numbers."""
        return (
            f"vLLM {self._vllm.__version__}: its scheduler chooses batches, so answers may differ "
            "in the last digits from run to run",
            "vLLM reserves a share of the device's memory when it starts; peaks say that share",
        )

    def close(self) -> None:
        """Free the engine."""
        del self._llm
        gc.collect()

    def _load(self) -> Any:
        spec = self._spec
        settings: dict[str, Any] = {
            "model": self._source,
            "dtype": spec.dtype,
            "trust_remote_code": spec.trust_remote_code,
            "disable_log_stats": True,
            "seed": 0,
        }
        given = {
            "revision": spec.revision,
            "max_model_len": spec.max_length,
            "max_num_seqs": spec.batch_size,
            "max_num_batched_tokens": spec.token_budget,
        }
        settings |= {name: value for name, value in given.items() if value is not None}
        try:
            return self._vllm.LLM(**settings)
        except _LOAD_ERRORS as error:
            reason = (str(error).strip().splitlines() or [repr(error)])[0]
            raise ModelError(f"vLLM can't load '{spec.target}': {reason}") from error


def _vllm() -> Any:
    """Return the package, told to be quiet before it is imported."""
    if importlib.util.find_spec("vllm") is None:
        raise InputError(
            "The backend 'vllm' needs a package that isn't installed: vllm. Install it where there "
            "is a GPU: pip install 'slmbench[vllm]'; or run the model with hf:PATH."
        )
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    import vllm

    return vllm
