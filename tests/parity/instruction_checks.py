"""Answer checks for the instruction-following task of the parity tests; lm-eval loads this file."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any


def _word_count(text: str, wanted: dict[str, Any]) -> bool:
    count = len(text.split())
    limit = int(wanted["num_words"])
    return count >= limit if wanted["relation"] == "at least" else count < limit


CHECKS: dict[str, Callable[[str, dict[str, Any]], bool]] = {
    "punctuation:no_comma": lambda text, _: "," not in text,
    "change_case:english_lowercase": lambda text, _: text == text.lower(),
    "change_case:english_capital": lambda text, _: text == text.upper(),
    "startend:quotation": lambda text, _: text.strip()[:1] == text.strip()[-1:] == '"',
    "length_constraints:number_words": _word_count,
    "detectable_format:number_highlighted_sections": lambda text, wanted: (
        len(re.findall(r"\*[^\n*]+\*", text)) >= int(wanted["num_highlights"])
    ),
    "keywords:existence": lambda text, wanted: all(
        word.lower() in text.lower() for word in wanted["keywords"]
    ),
}


def _followed(doc: dict[str, Any], text: str) -> list[bool]:
    return [
        bool(text.strip()) and CHECKS[name](text, wanted)
        for name, wanted in zip(doc["instruction_id_list"], doc["kwargs"], strict=True)
    ]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    """Return strict scores of the text, and loose ones of it with lines and stars left out."""
    (text,) = results
    strict = _followed(doc, text)
    lines = text.split("\n")
    others = [text.replace("*", ""), "\n".join(lines[1:]), "\n".join(lines[:-1])]
    ways = [strict, *(_followed(doc, other) for other in others)]
    loose = [any(each) for each in zip(*ways, strict=True)]
    return {
        "prompt_level_strict_acc": all(strict),
        "inst_level_strict_acc": strict,
        "prompt_level_loose_acc": all(loose),
        "inst_level_loose_acc": loose,
    }


def share(items: list[list[bool]]) -> float:
    """Return the share of all instructions that were followed."""
    flat = [each for item in items for each in item]
    return sum(flat) / len(flat)
