"""``slmbench run``: a preset, a spec file, or everything by flags."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from slmbench import catalog, pipeline
from slmbench.cli.output import print_json, run_json, stdout
from slmbench.cli.plan_text import plan_json, print_plan
from slmbench.cli.progress import Bars
from slmbench.errors import InputError
from slmbench.plan.model_text import parse_lm_eval_model
from slmbench.plan.spec_file import load_spec, make_spec
from slmbench.render.terminal import failures, notes_table, summary_table
from slmbench.schema.record import RunRecord
from slmbench.schema.spec import RunSpec
from slmbench.units import parse_quantity


def command(
    spec: Annotated[
        str | None, typer.Argument(help="A spec file (YAML) or the name of a preset.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="BACKEND:PATH_OR_ID[,key=value...]; ref:pico; may come again."),
    ] = None,
    model_args: Annotated[
        str | None,
        typer.Option(
            "--model-args",
            "--model_args",
            help="lm-eval's spelling: with --model hf, pretrained=PATH,...",
        ),
    ] = None,
    suite: Annotated[str | None, typer.Option(help="Suites, separated by commas.")] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", "--tasks", help="Tasks, separated by commas; lm-eval's work too."),
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="Items of each task: a count, or a share below 1.")
    ] = None,
    num_fewshot: Annotated[int | None, typer.Option(help="Few-shot examples.")] = None,
    apply_chat_template: Annotated[
        bool, typer.Option("--apply-chat-template", help="Format prompts as a chat.")
    ] = False,
    system_instruction: Annotated[
        str | None, typer.Option(help="What the system role of every prompt says.")
    ] = None,
    fewshot_as_multiturn: Annotated[
        bool | None,
        typer.Option(
            "--fewshot-as-multiturn/--no-fewshot-as-multiturn",
            help="Few-shot examples as turns of the chat; on with --apply-chat-template.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all sampling and of few-shot examples.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option(help="Bound of each job, as 90s, 10min or 2h.")
    ] = None,
    include_path: Annotated[
        str | None, typer.Option(help="A further folder of tasks (lm-eval YAML or ours).")
    ] = None,
    detoxify_checkpoint: Annotated[
        str | None, typer.Option(help="A local Detoxify .ckpt file to score toxicity with.")
    ] = None,
    detoxify_config: Annotated[
        str | None, typer.Option(help="Folder with the config and tokenizer of that checkpoint.")
    ] = None,
    embedding: Annotated[
        str | None, typer.Option(help="A sentence-transformers folder for embedding_cosine.")
    ] = None,
    scorer: Annotated[
        list[str] | None,
        typer.Option(help="Any other key=value of a spec's scorers; may come again."),
    ] = None,
    energy: Annotated[
        list[str] | None,
        typer.Option(help="A key=value of a spec's energy (country=FRA); may come again."),
    ] = None,
    device_profile: Annotated[
        list[str] | None,
        typer.Option(help="A device (YAML) to judge a model's fit on; may come again."),
    ] = None,
    load: Annotated[
        list[str] | None,
        typer.Option(help="A key=value of a spec's load (rates=1,2,4); may come again."),
    ] = None,
    slo: Annotated[
        str | None,
        typer.Option(help="What a request under load must keep, as ttft:200ms,tpot:50ms."),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="BACKEND:MODEL that rates texts (suites judge and rag).")
    ] = None,
    detoxifier: Annotated[
        str | None, typer.Option(help="BACKEND:MODEL that rewrites texts before they are scored.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="BACKEND:MODEL to hold distributions against (fidelity).")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="A key=value to tag the run with (commit=abc); may come again."),
    ] = None,
    store: Annotated[str, typer.Option(help="Folder of runs.")] = "runs",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest run of the same request.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Compute every answer, also those known before.")
    ] = False,
    executor: Annotated[str, typer.Option(help="Where jobs run: local.")] = "local",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; load and download nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors, and --json's document.")
    ] = False,
) -> None:
    """Run models over suites and record every sample, metric and raw reading.

    Examples:

      slmbench run demo

      slmbench run --model hf:PATH_OR_ID,dtype=bfloat16 --suite accuracy,latency --limit 100

      slmbench run --model hf --model_args pretrained=PATH --tasks arc_easy,hellaswag
    """
    flags = {
        "models": _models(model or [], model_args),
        "suites": _split(suite),
        "tasks": _split(task),
        "limit": limit,
        "num_fewshot": num_fewshot,
        "apply_chat_template": apply_chat_template or None,
        "system_instruction": system_instruction,
        "fewshot_as_multiturn": fewshot_as_multiturn,
        "seed": seed,
        "time_limit_s": None if time_limit is None else parse_quantity(time_limit),
        "include_path": include_path,
        "cache": False if no_cache else None,
        "judge": judge,
        "detoxifier": detoxifier,
        "reference": reference,
        "scorers": {
            **_scorers(detoxify_checkpoint, detoxify_config, embedding),
            **_pairs(scorer or []),
        },
        "load": {**_pairs(load or [], "--load", "rates=1,2,4"), **({"slo": slo} if slo else {})},
        "labels": _pairs(label or [], "--label", "commit=abc123"),
        "energy": _pairs(energy or [], "--energy", "country=FRA"),
        "memory": {"device_profiles": device_profile} if device_profile else {},
    }
    # What wasn't given is None or empty; 0 and False were given.
    given = {key: value for key, value in flags.items() if value not in (None, [], {})}
    request = _request(spec, given)
    if executor != "local":
        raise InputError(f"No executor '{executor}'. Known: local.")
    if dry_run:
        plan = pipeline.plan(request)
        print_json(plan_json(plan)) if json else print_plan(plan)
        return
    with Bars(quiet, can_resume=True) as bars:
        records = pipeline.run(request, store, bars, resume)
    if json or not quiet:
        report(records, store, json)
    raise typer.Exit(5 if any(record.status == "failed" for record in records) else 0)


def report(records: list[RunRecord], store: str, json: bool) -> None:
    """Print finished runs: tables, or one JSON document."""
    paths = {record.run_id: str(Path(store) / record.run_id) for record in records}
    if json:
        print_json({"runs": [run_json(record, paths[record.run_id]) for record in records]})
        return
    for record in records:
        stdout.print(summary_table(record))
        for table in (failures(record), notes_table(record)):
            if table is not None:
                stdout.print(table)
        stdout.print(f"Recorded: {paths[record.run_id]}\n", markup=False, soft_wrap=True)


def _request(spec: str | None, flags: dict[str, Any]) -> RunSpec:
    backends = tuple(catalog.names("backends"))
    if spec is not None:
        return load_spec(spec, flags, backends)
    if "models" not in flags:
        raise InputError("Name a model (--model ref:pico), a preset or a spec file.")
    return make_spec(flags, backends, "the command line")


def _models(models: list[str], model_args: str | None) -> list[Any]:
    if model_args is None:
        return list(models)
    if len(models) != 1 or ":" in models[0]:
        raise InputError("--model_args goes with one plain --model, as in lm-eval: --model hf.")
    return [parse_lm_eval_model(models[0], model_args).model_dump()]


def _scorers(checkpoint: str | None, config: str | None, embedding: str | None) -> dict[str, str]:
    given = {
        "detoxify_checkpoint": checkpoint,
        "detoxify_config": config,
        "embedding": embedding,
    }
    return {key: value for key, value in given.items() if value is not None}


def _pairs(
    texts: list[str], flag: str = "--scorer", example: str = "toxicity=profanity"
) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise InputError(f"{flag} '{text}' is not key=value, as in {flag} {example}.")
        if key.strip() == "also":
            pairs.setdefault("also", []).append(value.strip())
        else:
            pairs[key.strip()] = value.strip()
    return pairs


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
