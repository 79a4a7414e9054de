"""What the user asks for: models, suites, tasks and limits. Pure data: no environ, no network."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from slmbench.schema.base import Frozen
from slmbench.schema.energy_spec import EnergySpec
from slmbench.schema.load_spec import LoadSpec
from slmbench.schema.model_spec import ModelSpec

SUITES = (
    "accuracy", "toxicity", "similarity", "judge", "rag", "bias", "fidelity", "latency", "load",
    "energy", "memory",
)  # fmt: skip
DetoxifyVariant = Literal[
    "original", "unbiased", "multilingual", "original-small", "unbiased-small"
]


class ScorerSpec(Frozen):
    """Which scorers the text suites use; a path names a local checkpoint.

    Attributes:
        toxicity: ``auto`` (what the keys below give a model for, else the profanity fallback),
            ``detoxify``, ``classifier``, ``profanity``, or another scorer of ``slmbench list
            scorers``.
        detoxify_checkpoint: a Detoxify ``.ckpt`` file; None downloads nothing.
        detoxify_config: folder with the encoder's config.json and tokenizer, for that checkpoint.
        detoxify_variant: a release of Detoxify; without a checkpoint it is downloaded (network
            needed, and a pickle is run), with one it is only the name that is shown.
        classifier: folder of a sequence classifier (HateBERT, RoBERTa, ToxiGen) for toxicity.
        classifier_label: which of its labels is the toxic one; None takes ``toxic``.
        embedding: a sentence-transformers folder or id, or the folder of any model, whose tokens
            are averaged; None leaves embedding_cosine Absent.
        bertscore: folder of an encoder; None leaves bertscore Absent.
        bertscore_layer: the layer whose vectors are matched, 0 its input; None takes the last.
        nli: folder of a natural-language-inference classifier; None leaves entailment Absent.
        nli_label: which of its labels means entailment; None takes the one named ``entail...``.
        nli_direction: what has to follow from what; ``both`` is the smaller of the two.
        also: further scorers by name, of ``slmbench list scorers`` or of a plug-in, that the
            similarity suite holds each text and its reference to (``ragas_string``, say).
    """

    toxicity: str = "auto"
    detoxify_checkpoint: str | None = None
    detoxify_config: str | None = None
    detoxify_variant: DetoxifyVariant | None = None
    classifier: str | None = None
    classifier_label: str | None = None
    embedding: str | None = None
    bertscore: str | None = None
    bertscore_layer: int | None = Field(default=None, ge=0)
    nli: str | None = None
    nli_label: str | None = None
    nli_direction: Literal["output_from_reference", "reference_from_output", "both"] = (
        "output_from_reference"
    )
    also: tuple[str, ...] = ()


class MemorySpec(Frozen):
    """On which devices a model's fit is judged; the shipped profiles always count."""

    device_profiles: tuple[str, ...] = ()


class RunSpec(Frozen):
    """One request: every model over every chosen suite.

    Attributes:
        fewshot_as_multiturn: few-shot examples as turns of a chat, each; None does so where the
            chat template is applied, as lm-eval does.
        seed: of all sampling, and of the choice of few-shot examples.
        limit: items of each task: a count (>= 1) or a share of the task (0 < limit < 1).
        time_limit_s: wall-clock bound of one job; a job over it is killed and failed.
        include_path: a further folder of tasks.
        cache: take answers that the same model gave before, where a suite measures no time.
        judge: the model that rates the others' texts; without one, what it would rate is Absent.
        detoxifier: a model that rewrites the others' continuations before they are scored (the
            black-box form of arXiv 2401.08491); None scores them as they are.
        reference: the model whose next-token distributions the suite fidelity holds the others'
            against: the base of a quantized, pruned or distilled one.
        labels: what the user tags the run with (``commit``, say); they change no answer.
    """

    name: str = "run"
    description: str = ""
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    suites: tuple[str, ...] = ("accuracy",)
    tasks: tuple[str, ...] = ()
    limit: float | None = Field(default=None, gt=0)
    num_fewshot: int | None = Field(default=None, ge=0)
    apply_chat_template: bool = False
    system_instruction: str | None = None
    fewshot_as_multiturn: bool | None = None
    seed: int = 1234
    time_limit_s: float = Field(default=7200.0, gt=0)
    include_path: str | None = None
    cache: bool = True
    judge: ModelSpec | None = None
    detoxifier: ModelSpec | None = None
    reference: ModelSpec | None = None
    scorers: ScorerSpec = ScorerSpec()
    energy: EnergySpec = EnergySpec()
    memory: MemorySpec = MemorySpec()
    load: LoadSpec = LoadSpec()
    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("suites")
    @classmethod
    def _no_suite_twice(cls, suites: tuple[str, ...]) -> tuple[str, ...]:
        if not suites or len(set(suites)) != len(suites):
            raise ValueError("name at least one suite, and each of them once")
        return suites

    @field_validator("limit")
    @classmethod
    def _count_or_share(cls, limit: float | None) -> float | None:
        if limit is not None and limit > 1 and limit != int(limit):
            raise ValueError("a limit above 1 is a count of items, so it must be whole")
        return limit

    @field_validator("labels")
    @classmethod
    def _short_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for key, text in labels.items():
            if not re.fullmatch(r"[A-Za-z][\w.-]{0,39}", key) or not 0 < len(text) <= 200:
                raise ValueError(f"'{key}' is no label: a short name, and up to 200 characters")
            if not text.isprintable():
                raise ValueError(f"the label '{key}' holds a character that can't be printed")
        return labels

    @model_validator(mode="after")
    def _turns_need_a_template(self) -> Self:
        if self.fewshot_as_multiturn and not self.apply_chat_template:
            raise ValueError("fewshot_as_multiturn needs apply_chat_template: a chat has turns")
        return self
