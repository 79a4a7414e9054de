"""Results of lm-eval in small, as its versions write them, for the importers' tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATE = "2025-03-03T00-05-12.300060"


def results(**changes: Any) -> dict[str, Any]:
    """Return a whole v0.4 document: a group of two tasks, and one task with two filters."""
    return {
        "results": {
            "quiz": {"acc,none": 0.55, "acc_stderr,none": 0.04, "alias": "quiz"},
            "quiz_a": {"alias": " - quiz_a", "acc,none": 0.6, "acc_stderr,none": 0.05},
            "quiz_b": {"alias": " - quiz_b", "acc,none": 1.0, "acc_stderr,none": 0.0},
            "tell": {
                "alias": "tell",
                "exact_match,first": 0.25,
                "exact_match_stderr,first": "N/A",
                "exact_match,vote": float("nan"),
                "exact_match_stderr,vote": float("nan"),
            },
        },
        "groups": {"quiz": {"acc,none": 0.55, "acc_stderr,none": 0.04, "alias": "quiz"}},
        "group_subtasks": {"quiz": ["quiz_a", "quiz_b"], "tell": [], "gone": []},
        "configs": {
            name: {"task": name, "metric_list": [{"metric": "acc", "aggregation": "mean"}]}
            for name in ("quiz_a", "quiz_b")
        },
        "versions": {"quiz": 1, "quiz_a": 1.0, "quiz_b": 1.0, "tell": 2.0},
        "n-shot": {"quiz_a": 5, "quiz_b": 5, "tell": 5},
        "higher_is_better": {"quiz_a": {"acc": True}, "tell": {"exact_match": True}},
        "n-samples": {
            "quiz_a": {"original": 97, "effective": 97},
            "quiz_b": {"original": 200, "effective": 8},
            "tell": {"original": 4, "effective": 4},
        },
        "config": {
            "model": "hf",
            "model_args": "pretrained=org/model,revision=step3",
            "model_num_parameters": 1000,
            "model_dtype": "torch.bfloat16",
            "model_sha": "abc",
            "limit": None,
        },
        "git_hash": "1234567",
        "date": 1740959572.2608943,
        "pretty_env_info": "PyTorch version: 2.6.0\nGPU 0: NVIDIA H100\nModel name:   Some CPU\n",
        "lm_eval_version": "0.4.13",
        "model_name": "org/model",
        **changes,
    }


OLD = {
    "results": {
        "arc": {"acc": 0.22, "acc_stderr": 0.04163331998932269},
        "lambada": {"ppl": 130.9, "ppl_stderr": 5.5, "acc": 0.18, "acc_stderr": 0.0054},
    },
    "versions": {"arc": 0, "lambada": 0},
    "config": {"model": "hf-causal", "model_args": "pretrained=org/old,revision=step9",
               "num_fewshot": 0, "limit": None},
}  # fmt: skip


def row(doc_id: int, acc: Any, **changes: Any) -> dict[str, Any]:
    """Return one line of a file of samples: two choices that were scored."""
    return {
        "doc_id": doc_id,
        "doc": {"word": f"w{doc_id}"},
        "target": "0",
        "arguments": {
            "gen_args_0": {"arg_0": f"Say {doc_id}", "arg_1": " yes"},
            "gen_args_1": {"arg_0": f"Say {doc_id}", "arg_1": " no"},
        },
        "resps": [[["-1.5", "True"]], [["-0.5", "False"]]],
        "filtered_resps": [["-1.5", "True"], ["-0.5", "False"]],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"d{doc_id}",
        "prompt_hash": f"p{doc_id}",
        "target_hash": "t",
        "acc": acc,
        **changes,
    }


def write(folder: Path, document: Any, name: str = f"results_{DATE}.json") -> Path:
    """Write a document as lm-eval does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
    return path


def write_samples(folder: Path, task: str, rows: list[dict[str, Any]]) -> Path:
    """Write a file of samples that belongs to the results of `DATE`."""
    path = folder / f"samples_{task}_{DATE}.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), "utf-8")
    return path
