"""The text of a reference model's card, from the facts of its training and its scores."""

from __future__ import annotations

from typing import Any

# Task: the metric on the card, and what a guess reaches (None where chance has no meaning).
CHANCE: dict[str, tuple[str, float | None]] = {
    "customer_intent": ("acc", 0.25),
    "sentiment": ("acc", 0.5),
    "log_triage": ("acc", 0.25),
    "field_extraction": ("exact_match", 0.0),
    "arithmetic_choice": ("acc", 0.25),
    "agreement": ("acc", 0.5),
    "story_cloze": ("acc", 0.5),
    "last_word": ("acc", 0.0),
    "fact_lookup": ("acc", 0.25),
    "heldout_perplexity": ("bits_per_byte", None),
}

_TEXT = """# slmbench reference model: {model}

A Llama-shaped language model of {parameters:,} parameters, trained from nothing on the synthetic
English that slmbench generates. It is there to try the harness offline: really trained, small
enough to ship, and neither perfect nor at chance.

| | |
|---|---|
| architecture | LlamaForCausalLM, {layers} layers, width {hidden}, {heads} heads ({kv_heads} for keys and values), feed-forward {feed_forward}, tied embeddings |
| parameters | {parameters:,} |
| stored as | float16 safetensors; load with `dtype=torch.float32` |
| context | 512 positions, trained on sequences of 256, in which a token sees its own document only |
| tokenizer | byte-level BPE of 2,048, digits single; the same for pico, nano and micro. It adds no begin mark by itself; half of the training documents had one (`<s>`), all had an end mark (`</s>`) |
| training text | {documents:,} documents, {corpus_tokens:,} tokens from `slmbench/reference/corpus.py`; no item of any shipped task is in it |
| training | {steps:,} steps of {batch} sequences, {training_tokens:,} tokens, AdamW, rate {rate} (embeddings and norms 0.004) with a linear fall over the last 30 %; every token counts in the loss, those of answers eight times; {training_s:,} s on {processes} process(es) of one thread, on a CPU shared with other work; the batch is divided among processes |
| last training loss | {loss} nats per token |
| made by | `python -m slmbench.reference.train {model}` and `python -m slmbench.reference.card {model}` |
| synthetic | yes |
| licence | Apache-2.0 |

## Scores

Measured with lm-eval's `hf` model in float32, zero-shot, on all items of version 1.0 of the tasks.

| task | metric | score | standard error | chance | above chance by more than 2 standard errors |
|---|---|---|---|---|---|
{rows}

## Limits

It knows only the sentence patterns and words of the generator. Its text shows mild rudeness now
and then ("stupid", "idiots"), because the training text does, so that toxicity scorers have
something to see. It is no use for any purpose but testing and showing the harness.

The training recipe and the generators were chosen while looking at scores on the first 120 items of
each accuracy task but heldout_perplexity, so the scores may be a little kind. The items themselves
are not in the training text.
"""  # noqa: E501


def above_chance(value: float, error: float | None, chance: float | None) -> str:
    """Say whether a score is above chance by more than two standard errors."""
    if chance is None or error is None:
        return "no chance level"
    return "yes" if value - 2 * error > chance else "no"


def _row(task: str, score: dict[str, float | None]) -> str:
    metric, chance = CHANCE[task]
    value, error = score["value"], score["standard_error"]
    assert value is not None
    told = "not given" if error is None else f"{error:.3f}"
    guess = "none" if chance is None else f"{chance:.2f}"
    verdict = above_chance(value, error, chance)
    return f"| {task} | {metric} | {value:.3f} | {told} | {guess} | {verdict} |"


def card(facts: dict[str, Any]) -> str:
    """Write the card."""
    rows = "\n".join(_row(task, score) for task, score in facts["scores"].items())
    return _TEXT.format(rows=rows, **facts["shape"], **facts)
