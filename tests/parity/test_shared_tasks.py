"""Public benchmarks' own items score the same through lm-eval's ``hf`` model and slmbench.

The task definitions are small forms of lm-eval's own: the same prompts, filters and metrics.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("lm_eval")

from slmbench.plan.tasks import local_tasks
from slmbench.resources import reference_dir
from tests.parity import instruction_checks
from tests.parity.peers import lm_evals, ours
from tests.parity.scores import assert_same_scores, both

_HEAD = """\
dataset_path: json
dataset_kwargs: {data_files: {test: test.jsonl, train: train.jsonl}}
test_split: test
metadata: {version: 1.0}
"""
_BLIMP = """\
output_type: multiple_choice
doc_to_text: ""
doc_to_target: 0
doc_to_choice: "{{[sentence_good, sentence_bad]}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
_BBH = """\
output_type: generate_until
fewshot_split: train
fewshot_config: {sampler: first_n}
num_fewshot: 3
description: "Answer the question.\\n\\n"
doc_to_text: "Q: {{input}}\\nA: Let's think step by step.\\n"
doc_to_target: "We look at each part in turn. So the answer is {{target}}."
target_delimiter: ""
generation_kwargs: {until: ["</s>", "Q", "\\n\\n"], do_sample: false, max_gen_toks: 40}
filter_list:
  - name: get-answer
    filter:
      - {function: regex, regex_pattern: "(?<=the answer is )(.*)(?=.)"}
      - {function: take_first}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
_GSM8K = """\
output_type: generate_until
fewshot_split: train
num_fewshot: 2
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["Question:", "</s>", "<|im_end|>"], do_sample: false, max_gen_toks: 40}
filter_list:
  - name: strict-match
    filter:
      - {function: regex, regex_pattern: "#### (\\\\-?[0-9\\\\.\\\\,]+)"}
      - {function: take_first}
  - name: flexible-extract
    filter:
      - {function: regex, group_select: -1, regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)"}
      - {function: take_first}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    ignore_punctuation: false
    regexes_to_ignore: [",", "\\\\$", "(?s).*#### ", "\\\\.$"]
"""
_IFEVAL = """\
output_type: generate_until
doc_to_text: prompt
doc_to_target: 0
num_fewshot: 0
generation_kwargs: {until: [], do_sample: false, temperature: 0.0, max_gen_toks: 64}
process_results: !function instruction_checks.process_results
metric_list:
  - {metric: prompt_level_strict_acc, aggregation: mean, higher_is_better: true}
  - metric: inst_level_strict_acc
    aggregation: !function instruction_checks.share
    higher_is_better: true
  - {metric: prompt_level_loose_acc, aggregation: mean, higher_is_better: true}
  - metric: inst_level_loose_acc
    aggregation: !function instruction_checks.share
    higher_is_better: true
"""

_TASKS = {"blimp": (_BLIMP, 40), "bbh": (_BBH, 12), "gsm8k": (_GSM8K, 6), "ifeval": (_IFEVAL, 8)}


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _items(name: str, data: Path) -> tuple[list[Any], list[Any]]:
    """Return the items to ask and those to show before them."""
    if name == "blimp":
        return [row for file in sorted(data.glob("blimp/*.jsonl")) for row in _lines(file)[:4]], []
    if name == "bbh":
        files = [json.loads(file.read_text("utf-8")) for file in sorted(data.glob("bbh/*.json"))]
        return [row for each in files for row in each["examples"][3:5]], files[0]["examples"][:3]
    if name == "gsm8k":
        rows = _lines(data / "gsm8k_test.jsonl")
        return rows[:12], rows[12:18]
    known = set(instruction_checks.CHECKS)
    rows = _lines(data / "ifeval_input_data.jsonl")
    return [row for row in rows if known.issuperset(row["instruction_id_list"])][:12], []


def _write(path: Path, rows: Iterable[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def _task_folder(name: str, shared: Path, place: Path) -> Path:
    """Write the task's definition and its few items into a folder of the test's own."""
    asked, shown = _items(name, shared / "data" / "accuracy")
    assert len(asked) >= _TASKS[name][1]
    _write(place / "test.jsonl", asked)
    _write(place / "train.jsonl", shown or asked[:1])
    (place / f"parity_{name}.yaml").write_text(f"task: parity_{name}\n{_HEAD}{_TASKS[name][0]}")
    shutil.copy(instruction_checks.__file__, place)
    return place


@pytest.mark.parametrize("model", ["stories260K", "micro"])
@pytest.mark.parametrize("name", list(_TASKS))
def test_a_public_task_scores_as_through_lm_eval(
    name: str, model: str, shared: Path, stories: Path, tmp_path: Path
) -> None:
    path = reference_dir() / model if model == "micro" else stories
    task = f"parity_{name}"
    found = local_tasks(str(_task_folder(name, shared, tmp_path)))[task]
    harness = lm_evals(path, batch_size=8)
    here, there = both(found, ours(path, batch_size=8), harness, _TASKS[name][1])
    assert_same_scores(here, there, task)
    if name != "blimp":
        # Random or not, the models must have written something for this to say anything.
        texts = [str(sample["resps"]) for sample in there["samples"][task]]
        assert len(set(texts)) > 3
