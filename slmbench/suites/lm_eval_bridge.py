"""An lm-eval model over the Backend port: every backend runs every lm-eval task.

The only importer of lm-eval. It follows lm-eval's own ``hf`` model in what is asked (tokens, BOS,
truncation, stop texts), so that the numbers are the same.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lm_eval.models  # noqa: F401  (must be imported before any own registration)
from lm_eval import evaluator, utils
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import (
    handle_stop_sequences,
    normalize_gen_kwargs,
    postprocess_generated_text,
)
from lm_eval.tasks import TaskManager

from slmbench.errors import InputError
from slmbench.ports import Backend, Context, Sampling
from slmbench.schema.plan import TaskRef
from slmbench.schema.spec import RunSpec
from slmbench.suites.taskfile import text_hash

logging.getLogger("lm_eval").setLevel(logging.ERROR)

#: Batches of the backend in one checkpoint: a killed run repeats at most these.
_BATCHES_A_CHECKPOINT = 4
#: lm-eval's default for a generation task that names no length.
_DEFAULT_MAX_GEN_TOKS = 256
#: lm-eval's default few-shot seed; another would give other prompts than ``lm_eval`` does.
_FEWSHOT_SEED = 1234

Request = tuple[Any, list[int], list[int]]


class BridgeLM(TemplateLM):  # type: ignore[misc]
    """What lm-eval calls; every answer goes through the job's checkpoints."""

    def __init__(self, backend: Backend, context: Context, batch_size: int = 16) -> None:
        """Bridge ``backend``; ``context`` keeps what was answered before a crash."""
        super().__init__()
        self._backend = backend
        self._context = context
        self._step = batch_size
        self.sent = ""
        #: (first, second argument of a request) -> (tokens of the prompt, tokens scored or written)
        self.token_counts: dict[tuple[str, str], tuple[int, int]] = {}

    @property
    def eot_token_id(self) -> int:
        """Return the token that ends a text."""
        return self._backend.info.eot_token_id

    @property
    def prefix_token_id(self) -> int:
        """Return the token that conditions the first token of a text."""
        return self._backend.info.prefix_token_id

    @property
    def max_length(self) -> int:
        """Return the tokens of the context window."""
        return self._backend.info.max_length

    @property
    def tokenizer_name(self) -> str:
        """Return a name for lm-eval's request cache, which slmbench does not use."""
        return self._backend.info.architecture

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Return token ids; None leaves special tokens to the tokenizer."""
        return self._backend.encode(string, add_special_tokens)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return the prompt text of a conversation."""
        return self._backend.apply_chat_template(chat_history, add_generation_prompt)

    def loglikelihood_rolling(
        self, requests: Sequence[Any], disable_tqdm: bool = False
    ) -> list[float]:
        """Return the log-likelihood of whole texts, in windows of the context length."""
        windows: list[Request] = []
        owners: list[int] = []
        for owner, request in enumerate(requests):
            (text,) = request.args
            rolling = utils.get_rolling_token_windows(
                token_list=self.tok_encode(text),
                prefix_token=self.prefix_token_id,
                max_seq_len=self.max_length,
                context_len=1,
            )
            parts = list(map(utils.make_disjoint_window, rolling))
            windows.extend((None, context, continuation) for context, continuation in parts)
            owners.extend([owner] * len(parts))
            self.token_counts[text, ""] = (0, sum(len(part) for _, part in parts))
        totals = [0.0] * len(requests)
        for owner, (score, _) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            totals[owner] += score
        return totals

    def _loglikelihood_tokens(
        self, requests: Sequence[Request], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        """Score each distinct pair once, longest first, a checkpoint every few batches."""
        pairs = [(tuple(context), tuple(continuation)) for _, context, continuation in requests]
        self._note_sent(pairs)
        for request, (context, continuation) in zip(requests, pairs, strict=True):
            if request[0] is not None:
                self.token_counts[request[0]] = (len(context), len(continuation))
        distinct = sorted(set(pairs), key=lambda pair: (-len(pair[0]) - len(pair[1]), pair))
        step = self._step * _BATCHES_A_CHECKPOINT
        scores: dict[Any, tuple[float, bool]] = {}
        for start in range(0, len(distinct), step):
            part = distinct[start : start + step]
            key = f"loglikelihood/{start}/{text_hash(repr(part))}"
            found = self._context.checkpoint(key, _scoring(self._backend, part))
            scores.update(zip(part, ((float(s), bool(g)) for s, g in found), strict=True))
            self._context.progress(min(start + step, len(distinct)), len(distinct))
        return [scores[pair] for pair in pairs]

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Continue prompts; those with equal settings share a batch, longest first."""
        encoded = [(self.tok_encode(prompt), repr(how)) for prompt, how in _arguments(requests)]
        self._note_sent([(tuple(tokens), how) for tokens, how in encoded])
        order = sorted(range(len(requests)), key=lambda i: (encoded[i][1], -len(encoded[i][0]), i))
        texts = [""] * len(requests)
        done = 0
        while done < len(order):
            settings = encoded[order[done]][1]
            chosen = [i for i in order[done : done + self._step] if encoded[i][1] == settings]
            prompts = [encoded[i][0] for i in chosen]
            compute = self._generation(prompts, requests[chosen[0]].args[1], done)
            key = f"generate/{done}/{text_hash(settings, repr(prompts))}"
            found = self._context.checkpoint(key, compute)
            for index, (text, count) in zip(chosen, found, strict=True):
                texts[index] = text
                prompt, gen_kwargs = requests[index].args
                self.token_counts[prompt, repr(gen_kwargs)] = (len(encoded[index][0]), count)
            done += len(chosen)
            self._context.progress(done, len(order))
        return texts

    def _generation(
        self, prompts: list[list[int]], gen_kwargs: dict[str, Any], number: int
    ) -> Callable[[], list[tuple[str, int]]]:
        settings: dict[str, Any] = dict(normalize_gen_kwargs(gen_kwargs, _DEFAULT_MAX_GEN_TOKS))
        end = self._backend.decode([self.eot_token_id], skip_special_tokens=False)
        until = handle_stop_sequences(settings["until"], eos=end)
        how = Sampling(
            max_new_tokens=settings["max_gen_toks"],
            temperature=float(settings.get("temperature", 1.0)) if settings["do_sample"] else 0.0,
            top_p=float(settings.get("top_p", 1.0)),
            # transformers samples from the 50 likeliest tokens unless told otherwise.
            top_k=int(settings.get("top_k", 50 if settings["do_sample"] else 0)),
            stop=tuple(until),
            seed=self._context.spec.seed + number,
        )

        def compute() -> list[tuple[str, int]]:
            found = [each for (each,) in self._backend.generate(prompts, how, 1)]
            texts = [postprocess_generated_text(each.text, until, None) for each in found]
            return [(text, len(each.tokens)) for text, each in zip(texts, found, strict=True)]

        return compute

    def _note_sent(self, asked: Sequence[Any]) -> None:
        """Keep a hash of the token ids sent, BOS included: the prompt's fingerprint."""
        self.sent = text_hash(self.sent, repr(asked))


def evaluate(task: TaskRef, lm: BridgeLM, spec: RunSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run one lm-eval task or group.

    Args:
        task: a local task by its YAML, or a stock one by its name.
        lm: the bridge over the backend.
        spec: few-shot count, limit, chat template and system instruction.

    Returns:
        lm-eval's results with every sample, and the loaded tasks by name.

    Raises:
        InputError: the task's definition can't be used.
    """
    # Data files of a local task are named relative to its own folder.
    place = Path(task.path).parent if task.path else Path.cwd()
    with contextlib.chdir(place):
        manager = _manager(task)
        try:
            loaded = manager.load([task.name])
        except (KeyError, ValueError, TypeError, FileNotFoundError) as error:
            raise InputError(f"Task '{task.name}' can't be loaded by lm-eval: {error}") from error
        for each in loaded["tasks"].values():
            fixed = each.get_config("num_fewshot")
            if fixed is None or (spec.num_fewshot is not None and fixed != 0):
                each.set_config(key="num_fewshot", value=spec.num_fewshot or 0)
            each.set_fewshot_seed(seed=_FEWSHOT_SEED)
        results = evaluator.evaluate(
            lm=lm,
            task_dict=loaded,
            limit=_limit(spec.limit),
            bootstrap_iters=0,
            log_samples=True,
            system_instruction=spec.system_instruction,
            apply_chat_template=spec.apply_chat_template,
            fewshot_as_multiturn=spec.apply_chat_template,
        )
    return results, loaded["tasks"]


def _manager(task: TaskRef) -> Any:
    if task.path is None:
        return TaskManager()
    return TaskManager(include_path=str(Path(task.path).parent), include_defaults=False)


def _limit(limit: float | None) -> float | int | None:
    return int(limit) if limit is not None and limit >= 1 else limit


def _arguments(requests: Sequence[Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(request.args[0], request.args[1]) for request in requests]


def _scoring(backend: Backend, pairs: list[Any]) -> Callable[[], list[tuple[float, bool]]]:
    def compute() -> list[tuple[float, bool]]:
        scores = backend.loglikelihood(pairs)
        if not all(math.isfinite(score) for score, _ in scores):
            raise InputError(
                "The model gives a log-likelihood that is no finite number. Its weights are "
                f"damaged, or {backend.info.dtype} overflows: try dtype=float32."
            )
        return scores

    return compute
