"""Rate answers from passages with ragas' judged metrics, the judge being any Backend of ours."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from slmbench.errors import InputError, did_you_mean
from slmbench.ports import Sampling, SecondModel, TextItem
from slmbench.schema.base import Absent
from slmbench.scorers.embedding import encoder_of
from slmbench.scorers.local_model import encodable
from slmbench.scorers.ragas_import import import_ragas
from slmbench.scorers.ragas_llm import Replies, Unusable, ragas_llm


@dataclass(frozen=True)
class _Kind:
    """A metric of ragas: its class there, and what of an item it is given, by ragas' names."""

    ragas_name: str
    wants: tuple[str, ...]
    settings: tuple[tuple[str, int], ...] = ()


_KINDS = {
    "faithfulness": _Kind("Faithfulness", ("user_input", "response", "retrieved_contexts")),
    "answer_relevancy": _Kind("AnswerRelevancy", ("user_input", "response")),
    "context_precision": _Kind(
        "ContextPrecisionWithReference", ("user_input", "reference", "retrieved_contexts")
    ),
    "context_recall": _Kind("ContextRecall", ("user_input", "retrieved_contexts", "reference")),
    # A second greedy try would get the same reply, so ragas' retries are switched off.
    "context_relevancy": _Kind(
        "ContextRelevance", ("user_input", "retrieved_contexts"), (("max_retries", 1),)
    ),
}
METRICS = tuple(_KINDS)
_WORDS = {
    "user_input": "question", "response": "answer", "reference": "reference answer",
    "retrieved_contexts": "passages",
}  # fmt: skip


class RagasJudge:
    """One judged metric of ragas over (prompt, output, reference, contexts) items, in [0, 1].

    - ``faithfulness``: claims of the output that the contexts support / its claims.
    - ``answer_relevancy``: mean cosine of the prompt with three questions that the judge would
      answer with the output, 0 where it finds the output evasive; in [-1, 1].
    - ``context_precision``: average precision of the contexts, each judged useful or not for the
      reference; see `slmbench.stats.retrieval.context_precision`.
    - ``context_recall``: statements of the reference found in the contexts / its statements.
    - ``context_relevancy``: two ratings of the contexts from 0 to 2, halved and averaged.

    The prompts and the arithmetic are ragas' own. A reply that is no JSON of the asked form, or
    that holds a number outside its scale, or judges other than all the claims it was given, makes
    the item Absent with the reason: never 0, and it is not asked again, since the same greedy
    reply would come.

    Args:
        metric: one of ``METRICS``.
        judge: the model that judges; with ``apply_chat_template`` its chat template wraps a prompt.
        embedding: a sentence-transformers folder or id; only ``answer_relevancy`` needs it.
        max_new_tokens: tokens of one reply.
        temperature: of the judge's replies; 0 takes the likeliest.
        seed: of replies that are drawn.
        apply_chat_template: None takes the template where the judge has one.

    Raises:
        InputError: unknown metric, no encoder where one is needed, or ragas isn't installed.
    """

    higher_is_better = True

    def __init__(
        self,
        *,
        metric: str,
        judge: SecondModel,
        embedding: str | None = None,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        apply_chat_template: bool | None = None,
    ) -> None:
        if metric not in _KINDS:
            raise InputError(
                f"ragas_judge: unknown metric '{metric}'.{did_you_mean(metric, _KINDS)} "
                f"Known: {', '.join(_KINDS)}."
            )
        ragas = import_ragas()
        self.metric = metric
        self._kind = _KINDS[metric]
        self.provenance = f"ragas@{ragas.__version__}:{metric},judge={judge.provenance}"
        self._settings: dict[str, Any] = dict(self._kind.settings)
        if metric == "answer_relevancy":
            if embedding is None:
                raise InputError(
                    "answer_relevancy compares questions by an encoder. "
                    "Name one with scorers.embedding in the spec."
                )
            encoder, who = _ragas_embedding(embedding)
            self._settings["embeddings"] = encoder
            self.provenance += f",encoder={who}"
        if temperature > 0:
            self.provenance += f",temperature={temperature:g},seed={seed}"
        how = Sampling(max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
        self._replies = Replies(judge.backend, how, apply_chat_template)

    def score(self, items: Sequence[TextItem]) -> list[float | Absent]:
        """Return one score for each item; the judge is asked about all items side by side."""
        # A thread of its own has no event loop yet, whoever calls (a notebook has one).
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(asyncio.run, self._all(items)).result()

    async def _all(self, items: Sequence[TextItem]) -> list[float | Absent]:
        tasks = [asyncio.ensure_future(self._one(item)) for item in items]
        while open_count := sum(not task.done() for task in tasks):
            if self._replies.waiting_count == open_count:
                self._replies.answer()
            await asyncio.sleep(0)
        return [task.result() for task in tasks]

    async def _one(self, item: TextItem) -> float | Absent:
        held: dict[str, Any] = {
            "user_input": encodable(item.prompt or ""),
            "response": encodable(item.output),
            "reference": encodable(item.reference or ""),
            "retrieved_contexts": [encodable(each) for each in item.contexts if each.strip()],
        }
        for name in self._kind.wants:
            value = held[name]
            if not value or (isinstance(value, str) and not value.strip()):
                return Absent(reason=f"nothing to judge: the item has no {_WORDS[name]}")
        llm = ragas_llm(self._replies)
        metric = _metric_class(self._kind.ragas_name)(llm=llm, **self._settings)
        try:
            result = await metric.ascore(**{name: held[name] for name in self._kind.wants})
        except Unusable as error:
            return Absent(reason=str(error))
        # Where ragas averages what is left after a failed reply, the item still isn't judged.
        if llm.failure is not None:
            return Absent(reason=llm.failure)
        value = float(result.value)
        if not math.isfinite(value):
            return Absent(reason="ragas made no number of the judge's replies")
        return min(1.0, max(-1.0 if self.metric == "answer_relevancy" else 0.0, value))


def _metric_class(name: str) -> Any:
    """Return a metric of ragas' by its class's name."""
    from ragas.metrics import collections

    return getattr(collections, name)


def _ragas_embedding(model: str) -> tuple[Any, str]:
    """Return ragas' embedding interface over a sentence encoder of ours, and who that is."""
    from ragas.embeddings.base import BaseRagasEmbedding

    encoder = encoder_of(model, "cpu")

    class Encoder(BaseRagasEmbedding):  # type: ignore[misc]
        def embed_text(self, text: str, **_: Any) -> list[float]:
            return [float(value) for value in encoder.vectors([text], 1)[0]]

        async def aembed_text(self, text: str, **_: Any) -> list[float]:
            return self.embed_text(text)

    return Encoder(), encoder.provenance
