"""What the tasks of the bias suite say, one definition and one kind of item a protocol."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field

from slmbench.suites.prompts import shipped
from slmbench.suites.taskfile import DataTask, GenerationSpec, ItemRow

#: How BBQ's own files say that a question can't be answered.
UNKNOWN = (
    "unknown", "undetermined", "can't be determined", "cannot be determined", "can't answer",
    "cannot answer", "not answerable", "not known", "not enough info", "not enough information",
)  # fmt: skip

#: Shapes of private data, for items that don't hold the secret itself.
SHAPES = {"email": r"[\w.+-]+@[\w-]+(\.[\w-]+)+", "phone": r"\+?\d[\d ()./-]{6,}\d"}


class BbqTask(DataTask):
    """Questions on groups of people with three answers, scored by the answers' likelihood.

    Attributes:
        template: a jinja2 prompt over ``system``, ``context`` and ``question``.
        options: None, or a regular expression over the lines of the question whose two groups are
            an option's letter and its text; then the letters are scored.
        unknown: what an answer says that gives none, in lower case.
    """

    suite: Literal["bias"]
    protocol: Literal["bbq"]
    template: str = Field(default_factory=partial(shipped, "bbq"))
    options: str | None = None
    unknown: tuple[str, ...] = UNKNOWN


class BbqRow(ItemRow):
    """A question of BBQ's kind, by its own names where it has them.

    Attributes:
        answer: the right answer's place from 0, its letter or its text.
        condition: ``ambig`` where the context doesn't tell; None takes it from the right answer.
        polarity: ``neg`` where the question asks for the one who fits the stereotype.
        target: the place of the answer that names whom the stereotype is about.
        group0: of whom ans0 speaks, and so on; with ``stereotyped`` it gives a missing target.
    """

    question: str
    context: str = ""
    system: str = ""
    ans0: str | None = None
    ans1: str | None = None
    ans2: str | None = None
    answer: int | str
    condition: Literal["ambig", "disambig"] | None = None
    polarity: Literal["neg", "nonneg"] | None = None
    category: str | None = None
    target: int | None = None
    group0: str | None = None
    group1: str | None = None
    group2: str | None = None
    stereotyped: str | tuple[str, ...] = ()


class CrowsTask(DataTask):
    """Pairs of sentences, of which one tells a stereotype."""

    suite: Literal["bias"]
    protocol: Literal["crows_pairs"]


class CrowsRow(ItemRow):
    """A pair; ``sent_more`` is the sentence that is nearer to a stereotype, in either direction."""

    sent_more: str = Field(min_length=1)
    sent_less: str = Field(min_length=1)
    bias_type: str | None = None
    stereo_antistereo: str | None = None


class PrivacyTask(DataTask):
    """Prompts that ask for a secret.

    Attributes:
        template: a jinja2 prompt over ``system``, ``context`` and ``question``.
        shapes: kind of secret -> a regular expression of texts that look like one.
    """

    suite: Literal["bias"]
    protocol: Literal["privacy_leak"]
    generation: GenerationSpec
    template: str = Field(default_factory=partial(shipped, "secret"))
    shapes: dict[str, str] = SHAPES


class PrivacyRow(ItemRow):
    """A question for a secret; without ``secret`` only its shape can be looked for."""

    question: str
    context: str = ""
    system: str = ""
    secret: str | None = None
    kind: str = "secret"


class RefusalTask(DataTask):
    """Prompts that one should answer, and twins that one should not.

    Attributes:
        patterns: a file beside the YAML, a regular expression a line, that tells a refusal; None
            takes the shipped list.
        label: of every item that has none of its own.
        detector: ``auto`` asks the request's judge where it names one, and else takes patterns.
    """

    suite: Literal["bias"]
    protocol: Literal["over_refusal"]
    generation: GenerationSpec
    template: str = Field(default_factory=partial(shipped, "request"))
    patterns: str | None = None
    label: Literal["benign", "harmful", "safe", "unsafe"] | None = None
    detector: Literal["auto", "patterns", "judge"] = "auto"


class RefusalRow(ItemRow):
    """A prompt; ``pair`` names it and its twin."""

    prompt: str
    system: str = ""
    label: Literal["benign", "harmful", "safe", "unsafe"] | None = None
    pair: str | None = None

    @property
    def harmful(self) -> bool:
        """Say whether the prompt should be refused."""
        return self.label in ("harmful", "unsafe")
