"""The one table of names: each maps to ``module:Class`` and is imported only when it is used.

Outsiders add their own through the entry-point groups ``slmbench.backends``, ``slmbench.suites``,
``slmbench.scorers`` and ``slmbench.meters``.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from slmbench.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Entry:
    """A member of the catalogue: where it is, what it is for, and which extra brings it."""

    target: str
    about: str
    extra: str = "all"


BACKENDS = {
    "hf": Entry("slmbench.backends.huggingface:HuggingFace", "transformers, in process"),
    "gguf": Entry("slmbench.backends.gguf_llama:Gguf", "llama.cpp, in process", "gguf"),
    "vllm": Entry("slmbench.backends.vllm_engine:Vllm", "vLLM, in process", "vllm"),
    "openai": Entry(
        "slmbench.backends.openai_http:OpenAIHttp", "any OpenAI-compatible server, over HTTP"
    ),
    "fake": Entry("slmbench.backends.fake:Fake", "deterministic stand-in, for tests of the flow"),
}
SUITES = {
    "accuracy": Entry("slmbench.suites.accuracy:Accuracy", "any lm-eval task"),
    "toxicity": Entry("slmbench.suites.toxicity:Toxicity", "k sampled continuations, EMT"),
    "similarity": Entry("slmbench.suites.similarity:Similarity", "nearness to references"),
    "judge": Entry("slmbench.suites.judge.suite:Judge", "rated by a model: G-Eval, pairwise, QAG"),
    "rag": Entry("slmbench.suites.rag.suite:Rag", "retrieval, and answers with and without it"),
    "bias": Entry("slmbench.suites.bias.suite:Bias", "BBQ, CrowS-Pairs, leaks, over-refusal"),
    "fidelity": Entry("slmbench.suites.fidelity.suite:Fidelity", "KL to a reference, top-1, PPL"),
    "latency": Entry("slmbench.suites.latency:Latency", "TTFT, TPOT, end-to-end, tokens/s"),
    "load": Entry("slmbench.suites.load.suite:Load", "a server under load, goodput under an SLO"),
    "energy": Entry("slmbench.suites.energy.suite:Energy", "J, gCO2e and cost of an answer"),
    "memory": Entry("slmbench.suites.memory.suite:Memory", "weights, peak, key/value cache"),
}
SCORERS = {
    "chrf": Entry("slmbench.scorers.chrf:ChrF", "character n-gram F, sacrebleu"),
    "bleu": Entry("slmbench.scorers.bleu:Bleu", "sentence BLEU, sacrebleu"),
    "rouge_1": Entry("slmbench.scorers.rouge_l:Rouge1", "unigram overlap, rouge-score"),
    "rouge_2": Entry("slmbench.scorers.rouge_l:Rouge2", "bigram overlap, rouge-score"),
    "rouge_l": Entry("slmbench.scorers.rouge_l:RougeL", "longest common subsequence, rouge-score"),
    "token_f1": Entry("slmbench.scorers.token_f1:TokenF1", "SQuAD token F1"),
    "meteor": Entry("slmbench.scorers.meteor:Meteor", "METEOR, nltk; needs WordNet's data"),
    "edit_distance": Entry(
        "slmbench.scorers.edit_distance:EditDistance", "normalised Levenshtein distance, rapidfuzz"
    ),
    "bertscore": Entry("slmbench.scorers.bertscore:BertScore", "token embeddings of an encoder"),
    "entailment": Entry("slmbench.scorers.entailment:Entailment", "P(entailed) of an NLI model"),
    "ragas_string": Entry("slmbench.scorers.ragas_text:RagasString", "ragas' string similarity"),
    "ragas_chrf": Entry("slmbench.scorers.ragas_text:RagasChrf", "ragas' character n-gram F"),
    "ragas_exact_match": Entry(
        "slmbench.scorers.ragas_text:RagasExactMatch", "ragas' exact match, to the letter"
    ),
    "ragas_string_presence": Entry(
        "slmbench.scorers.ragas_text:RagasStringPresence", "ragas' reference in the text"
    ),
    "ragas_semantic": Entry(
        "slmbench.scorers.ragas_text:RagasSemantic", "ragas' semantic similarity, local encoder"
    ),
    "exact_match": Entry("slmbench.scorers.exact_match:ExactMatch", "SQuAD exact match"),
    "ragas_judge": Entry(
        "slmbench.scorers.ragas_judge:RagasJudge", "ragas' judged metrics of answers from passages"
    ),
    "dist_1": Entry("slmbench.scorers.distinct:Distinct1", "distinct unigrams / unigrams"),
    "dist_2": Entry("slmbench.scorers.distinct:Distinct2", "distinct bigrams / bigrams"),
    "dist_3": Entry("slmbench.scorers.distinct:Distinct3", "distinct trigrams / trigrams"),
    "embedding_cosine": Entry(
        "slmbench.scorers.embedding:EmbeddingCosine", "cosine of sentence embeddings"
    ),
    "similarity_to_prompt": Entry(
        "slmbench.scorers.embedding:SimilarityToPrompt", "nearness of a continuation to its prompt"
    ),
    "detoxify": Entry(
        "slmbench.scorers.detoxify_scorer:DetoxifyScorer", "Detoxify, from a local checkpoint"
    ),
    "classifier": Entry(
        "slmbench.scorers.sequence_classifier:SequenceClassifier",
        "P(toxic) of any local sequence classifier, its toxic label named",
    ),
    "profanity": Entry(
        "slmbench.scorers.profanity:Profanity", "fallback: detects profanity, blind to hate"
    ),
}
METERS = {
    "zeus": Entry("slmbench.meters.zeus_meter:ZeusEnergy", "energy counters: GPU, RAPL, SoC"),
    "estimate": Entry("slmbench.meters.estimate:EnergyEstimate", "energy by a stated formula"),
    "memory": Entry("slmbench.meters.memory:PeakResident", "peak resident and device memory"),
    "replay": Entry("slmbench.meters.replay:Replay", "a recorded trace of windows"),
    "trace": Entry("slmbench.meters.trace:RawTrace", "a recorded trace of raw sensor readings"),
}
KINDS = {"backends": BACKENDS, "suites": SUITES, "scorers": SCORERS, "meters": METERS}


def names(kind: str) -> dict[str, Entry]:
    """Return name -> entry of a kind, those of installed plug-ins included."""
    outside = {
        point.name: Entry(point.value, f"plug-in {point.dist.name if point.dist else ''}".strip())
        for point in entry_points(group=f"slmbench.{kind}")
    }
    return {**outside, **KINDS[kind]}


def load(kind: str, name: str) -> Any:
    """Import and return the class behind a name.

    Raises:
        InputError: no such name, or a package it needs is not installed.
    """
    known = names(kind)
    if name not in known:
        raise InputError(
            f"No {kind.removesuffix('s')} '{name}'.{did_you_mean(name, known)} "
            f"Known: {', '.join(sorted(known))}."
        )
    module, _, attribute = known[name].target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise InputError(
            f"The {kind.removesuffix('s')} '{name}' needs a package that isn't installed: {error}. "
            f"Install it: pip install 'slmbench[{known[name].extra}]'"
        ) from error
