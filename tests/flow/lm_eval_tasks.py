"""Small lm-eval tasks of every shape, and the comparison of two evaluations of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

_WORDS = ("cat", "dog", "door", "river", "tree", "bird", "house", "stone")
_QUIZ = """\
task: {name}
tag: [quizzes, {name}_only]
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
fewshot_split: test
output_type: multiple_choice
doc_to_text: "Tom sees a {{{{word}}}}. The word is"
doc_to_target: answer
doc_to_choice: choices
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""
_GROUP = """\
group: quiz_all
task: [{members}]
aggregate_metric_list:
  - {{metric: acc, aggregation: mean, weight_by_size: {weighted}}}
metadata: {{version: 1.0}}
"""
_TELL = """\
task: tell
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
fewshot_split: test
output_type: generate_until
doc_to_text: "Tom sees a {{{{word}}}}. Then"
doc_to_target: word
repeats: 3
generation_kwargs: {{until: ["."], max_gen_toks: 8, do_sample: false}}
filter_list:
  - {{name: first, filter: [{{function: take_first}}]}}
  - name: majority
    filter:
      - {{function: regex, regex_pattern: "(\\\\w+)$"}}
      - {{function: majority_vote}}
      - {{function: take_first}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0}}
"""
_STORY = """\
task: story
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{ 'Tom sees a ' + word + '. ' }}}}{{{{ choices | join(' and ') }}}}"
metric_list:
  - {{metric: word_perplexity}}
  - {{metric: bits_per_byte}}
metadata: {{version: 1.0}}
"""


def write_tasks(folder: Path, count: int = 24) -> Path:
    """Write ``quiz_a``, ``quiz_b``, their group, ``tell`` and ``story``; return the data."""
    rows = []
    for number in range(count):
        # The last quarter asks the first items again: equal requests of different items.
        at = number % (count - count // 4)
        choices = [_WORDS[(at + shift) % 8] for shift in (0, 3, 5)]
        rows.append({"id": number, "word": choices[at % 3], "choices": choices, "answer": at % 3})
    data = folder / "items.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("quiz_a", "quiz_b"):
        (folder / f"{name}.yaml").write_text(_QUIZ.format(name=name, data=data))
    (folder / "quiz_all.yaml").write_text(_GROUP.format(members="quiz_a, quiz_b", weighted="true"))
    (folder / "tell.yaml").write_text(_TELL.format(data=data))
    (folder / "story.yaml").write_text(_STORY.format(data=data))
    return data


def assert_same_results(ours: dict[str, Any], theirs: dict[str, Any]) -> int:
    """Hold two ``results`` (or ``groups``) against each other; return how many numbers agree."""
    compared = 0
    assert ours.keys() == theirs.keys()
    for task, values in theirs.items():
        assert ours[task].keys() == values.keys()
        for key, value in values.items():
            if isinstance(value, float):
                assert ours[task][key] == pytest.approx(value, rel=1e-6, abs=1e-9), (task, key)
                compared += 1
            else:
                assert ours[task][key] == value, (task, key)
    return compared


def assert_same_samples(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> int:
    """Hold logged samples against each other; log-likelihoods within 1e-4."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        for key in ("doc_id", "target", "filter", "doc_hash", "prompt_hash", "target_hash"):
            assert mine[key] == other[key], key
        assert _plain(mine["arguments"]) == _plain(other["arguments"])
        assert _numbers(mine["resps"]) == pytest.approx(_numbers(other["resps"]), abs=1e-4)
        assert _texts(mine["resps"]) == _texts(other["resps"])
        assert _texts(mine["filtered_resps"]) == _texts(other["filtered_resps"])
    return len(ours)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [inner for each in value for inner in _flat(each)]
    return [value]


def _numbers(value: Any) -> list[float]:
    # lm-eval writes a score into its files as text.
    found = []
    for each in _flat(value):
        try:
            found.append(float(each))
        except ValueError:
            continue
    return found


def _texts(value: Any) -> list[str]:
    return [each for each in _flat(value) if isinstance(each, str) and not _numbers(each)]
